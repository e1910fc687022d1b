import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseDiskLocation, parseNvmeLun } from "./disk-location.ts";

describe("parseDiskLocation", () => {
  const rows = [
    ["Integrated : Adapter 3 : Port 0 : Target 0 : LUN 12", { adapter: 3, lun: 12 }],
    ["PCI Slot 5 : Adapter 1 : Port 0 : Target 0 : LUN 0", { adapter: 1, lun: 0 }],
    ["Integrated : Bus 0 : Device 63395 : Function 0 : Adapter 0 : Port 0", undefined],
    ["Integrated : Adapter 3 : Port 0 : Target 0 : LUN 12x", undefined],
    ["", undefined],
  ] as const;
  for (const [location, expected] of rows) {
    it(`reads ${JSON.stringify(location)}`, () => assert.deepEqual(parseDiskLocation(location), expected));
  }
});

describe("parseNvmeLun", () => {
  const azure = "\\\\?\\scsi#disk&ven_nvme&prod_msft_nvme_accele#6&ca10229&0&";
  const interfaceId = "#{53f56307-b6bf-11d0-94f2-00a0c91efb8b}";
  const rows = [
    [`${azure}000001${interfaceId}`, 0],
    [`${azure.toUpperCase()}000009${interfaceId}`, 8],
    // The system disk.
    [`${azure}000000${interfaceId}`, undefined],
    [`${azure}000010${interfaceId}`, undefined],
    [`${azure}00000a${interfaceId}`, 9],
    [`${azure.toUpperCase()}00000F${interfaceId}`, 14],
    [`${azure}00000g${interfaceId}`, undefined],
    [`${azure}000101${interfaceId}`, undefined],
    [`\\\\?\\scsi#disk&ven_nvme&prod_microsoft_nvme_d#6&ca10229&0&000001${interfaceId}`, undefined],
    [`\\\\?\\scsi#disk&ven_msft&prod_virtual_disk#5&23db5f40&0&000001${interfaceId}`, undefined],
    ["", undefined],
  ] as const;
  for (const [path, lun] of rows)
    it(`reads ${lun ?? "none"} of ${path.slice(13, 63)}`, () => assert.equal(parseNvmeLun(path), lun));
});
