import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { knownDataDisksMax } from "../../src/core/azure/data-disks-max.ts";
import { VM_SIZES } from "../../src/emulator/model/vm/vm-sizes.ts";
import { fileOf, parseTable, withAnswer } from "./data-disks-table.ts";

/** One SKU as Azure lists it. */
function aSku(name: string, disks: string, resourceType = "virtualMachines") {
  return {
    name,
    resourceType,
    capabilities: [
      { name: "vCPUs", value: "2" },
      { name: "MaxDataDiskCount", value: disks },
    ],
  };
}

/** The rows of the file after an answer that holds these SKUs. */
function rowsAfter(present: string, skus: unknown): readonly string[] {
  return fileOf(withAnswer(parseTable(present), JSON.stringify(skus)), "2026-08")
    .split("\n")
    .filter((line) => /^[\w#-]+=/u.test(line));
}

describe("withAnswer", () => {
  it("reads what the command prints and what the REST API answers", () => {
    const skus = [aSku("Standard_D4s_v5", "8"), aSku("Standard_D2s_v5", "4"), aSku("Standard_E20_v3", "32")];
    for (const answer of [skus, { value: skus }])
      assert.deepEqual(rowsAfter("", answer), ["d#s_v5=4:2 8:4", "e#_v3=32:20"]);
  });

  it("replaces what the answer has, and keeps what it lacks", () =>
    assert.deepEqual(rowsAfter("\nd#s_v5=4:2,4 16:8\nz#=1:1\n", [aSku("Standard_D4s_v5", "8")]), [
      "d#s_v5=4:2 8:4 16:8",
      "z#=1:1",
    ]));

  it("replaces a number by a higher one and by a lower one", () => {
    assert.deepEqual(rowsAfter("\nd#s_v5=8:4\n", [aSku("Standard_D4s_v5", "16")]), ["d#s_v5=16:4"]);
    assert.deepEqual(rowsAfter("\nd#s_v5=8:4\n", [aSku("Standard_D4s_v5", "4")]), ["d#s_v5=4:4"]);
  });

  it("takes the lower number where regions, or parts of one size, differ", () =>
    assert.deepEqual(
      rowsAfter("", [
        aSku("Standard_E8s_v5", "16"),
        aSku("Standard_E8s_v5", "12"),
        aSku("Standard_E8-4s_v5", "32"),
        aSku("Standard_E8s_v5_Promo", "32"),
      ]),
      ["e#s_v5=12:8"],
    ));

  it("passes over other resources, and sizes without the capability or a known form", () =>
    assert.deepEqual(
      rowsAfter("", [
        aSku("Standard_D2s_v5", "4"),
        aSku("Standard_D4s_v5", "99", "hostGroups/hosts"),
        { ...aSku("Standard_D8s_v5", "16"), capabilities: null },
        aSku("Standard_odd", "8"),
      ]),
      ["d#s_v5=4:2"],
    ));

  for (const disks of ["65", "-1", "4.5", "many"])
    it(`refuses ${disks} data disks`, () =>
      assert.throws(() => rowsAfter("", [aSku("Standard_D2s_v5", disks)]), /Standard_D2s_v5.*0 to 64/u));

  it("refuses an answer without VM sizes", () =>
    assert.throws(() => rowsAfter("", [aSku("Premium_LRS", "1", "disks")]), /virtualMachines/u));
});

it("The emulated Azure's VM sizes take as many data disks as the real ones", () =>
  assert.deepEqual(
    VM_SIZES.map(({ name, dataDisksMax }) => [name, dataDisksMax]),
    VM_SIZES.map(({ name }) => [name, knownDataDisksMax(name)]),
  ));
