import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseDiskLocation } from "./disk-location.ts";

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
