import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { VM_SIZES } from "../../emulator/model/vm-sizes.ts";
import { DATA_DISKS_MAX_UNKNOWN, dataDisksMaxOf } from "./data-disks-max.ts";

describe("dataDisksMaxOf", () => {
  for (const { name, dataDisksMax } of VM_SIZES) {
    it(`is ${dataDisksMax} for ${name}`, () => {
      assert.equal(dataDisksMaxOf(name), dataDisksMax);
      assert.equal(dataDisksMaxOf(name.toUpperCase()), dataDisksMax);
    });
  }

  it("is a modest guess for a size that nobody knows", () => {
    assert.equal(dataDisksMaxOf("Standard_Z99"), DATA_DISKS_MAX_UNKNOWN);
  });
});
