import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { lunOf, oddDiskThatMayBe, readDiskRows } from "./disk-rows.ts";

const ROW = {
  Number: 2,
  UniqueId: "60022480A",
  Location: "Integrated : Adapter 3 : Port 0 : Target 0 : LUN 7",
  Path: "\\\\?\\scsi#disk&ven_msft&prod_virtual_disk#5&23db5f40&0&000007#{53f56307}",
  BusType: 10,
  Size: 1024,
  PartitionStyle: 0,
  IsOffline: true,
  IsReadOnly: true,
  IsBoot: false,
  IsSystem: false,
};
const LOCAL_NVME = "\\\\?\\scsi#disk&ven_nvme&prod_microsoft_nvme_d#6&ca10229&0&000000#{53f56307}";
const REMOTE_NVME = "\\\\?\\scsi#disk&ven_nvme&prod_msft_nvme_accele#6&ca10229&0&000003#{53f56307}";

function lunOfRow(row: object): number | undefined {
  const [disk] = readDiskRows([{ ...ROW, ...row }]).disks;
  assert.ok(disk !== undefined);
  return lunOf(disk);
}

describe("lunOf", () => {
  const rows = [
    ["a disk of Hyper-V's SCSI", {}, 7],
    ["the same, where the bus comes as a name", { BusType: "SAS" }, 7],
    ["one whose bus is unknown", { BusType: null }, 7],
    ["one on the system's adapter", { Location: ROW.Location.replace("Adapter 3", "Adapter 0") }, undefined],
    ["the system's", { IsBoot: true }, undefined],
    ["a disk of iSCSI", { BusType: 9 }, undefined],
    ["a disk of Fibre Channel", { BusType: 6 }, undefined],
    ["a file that is a disk", { BusType: 15 }, undefined],
    ["a disk of Storage Spaces", { BusType: 16 }, undefined],
    ["a USB disk by name", { BusType: "USB" }, undefined],
    ["a local NVMe disk with a LUN of its controller", { BusType: 17, Path: LOCAL_NVME }, undefined],
    ["the same, where only the path shows NVMe", { BusType: 10, Path: LOCAL_NVME }, undefined],
    ["a remote NVMe disk with another LUN in its location", { BusType: 17, Path: REMOTE_NVME }, 2],
  ] as const;
  for (const [what, row, lun] of rows)
    it(`is ${lun ?? "none"} for ${what}`, () => assert.equal(lunOfRow(row), lun));
});

describe("readDiskRows", () => {
  it("reads the styles of partitions as names and as Windows' numbers", () => {
    const styles = [0, 1, 2, 3, "RAW", "GPT", ""].map((PartitionStyle) => ({ ...ROW, PartitionStyle }));
    assert.deepEqual(
      readDiskRows(styles).disks.map(({ PartitionStyle }) => PartitionStyle),
      ["RAW", "MBR", "GPT", "3", "RAW", "GPT", ""],
    );
  });

  it("knows that an odd disk of another bus is no volume's", () => {
    const { odd } = readDiskRows([
      { ...ROW, Size: null, BusType: 9 },
      { ...ROW, Size: null },
    ]);
    assert.deepEqual(
      odd.map(({ lun, isNoVolumes }) => ({ lun, isNoVolumes })),
      [
        { lun: undefined, isNoVolumes: true },
        { lun: 7, isNoVolumes: false },
      ],
    );
  });

  it("knows a disk by its unique id in any case, as Windows does", () => {
    const { odd } = readDiskRows([{ ...ROW, Size: null, UniqueId: ROW.UniqueId.toLowerCase() }]);
    const found = oddDiskThatMayBe(odd, { lun: undefined, majorMinor: `9:${ROW.UniqueId}` });
    assert.equal(found?.Number, ROW.Number);
  });
});
