import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { DATA_DISKS_MAX_UNKNOWN, dataDisksMaxOf, knownDataDisksMax } from "./data-disks-max.ts";

describe("dataDisksMaxOf", () => {
  for (const { name, dataDisksMax } of [
    { name: "Standard_B1s", dataDisksMax: 2 },
    { name: "Standard_D2s_v3", dataDisksMax: 4 },
    { name: "Standard_D4s_v5", dataDisksMax: 8 },
    { name: "Standard_D2s_v7", dataDisksMax: 10 },
    { name: "Standard_D4s_v6", dataDisksMax: 12 },
    { name: "Standard_D8s_v5", dataDisksMax: 16 },
    { name: "Standard_D8s_v6", dataDisksMax: 24 },
    { name: "Standard_E16s_v5", dataDisksMax: 32 },
    { name: "Standard_D16s_v6", dataDisksMax: 48 },
    { name: "Standard_M64s", dataDisksMax: 64 },
  ]) {
    it(`is ${dataDisksMax} for ${name}, whatever its case`, () => {
      assert.equal(dataDisksMaxOf(name), dataDisksMax);
      assert.equal(dataDisksMaxOf(name.toUpperCase()), dataDisksMax);
    });
  }

  it("is a modest guess for a size that nobody knows", () => {
    assert.equal(dataDisksMaxOf("Standard_Z99"), DATA_DISKS_MAX_UNKNOWN);
    assert.equal(knownDataDisksMax("Standard_Z99"), undefined);
  });
});
