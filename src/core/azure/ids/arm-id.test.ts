import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseArmId } from "./arm-id.ts";

const id = "/subscriptions/S/resourceGroups/rg/providers/Microsoft.Compute/disks/pvc-1";

describe("ARM ids", () => {
  it("are read whatever their case", () => {
    assert.deepEqual(parseArmId(id.toUpperCase()), {
      subscriptionId: "S",
      resourceGroup: "RG",
      type: "disks",
      name: "PVC-1",
    });
  });

  it("have names with periods", () => {
    assert.equal(parseArmId(id.replace("pvc-1", "..a."))?.name, "..a.");
  });

  for (const other of [
    "",
    "pvc-1",
    id.slice(1),
    `${id}/`,
    `${id}/x/y`,
    id.replace("pvc-1", "."),
    id.replace("rg", ".."),
    `${id}?x`,
    id.replace("Microsoft.Compute", "Microsoft.Storage"),
    `${id} `,
    `${id}\n`,
    `${id}?force=true`,
    `${id}%2F..`,
    id.replace("pvc-1", ".."),
    id.replace("pvc-1", "."),
    id.replace("/rg/", "/../"),
  ]) {
    it(`are refused: ${JSON.stringify(other)}`, () => {
      assert.equal(parseArmId(other), undefined);
    });
  }
});
