import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Json, listAt, numberAt, textAt } from "../api/json.ts";
import { aModel, codeOf, COMPUTE, diskBody, type ModelFixture } from "../model-fixture.ts";
import { parseSettings } from "../settings-parse.ts";

const SUBSCRIPTION = "/subscriptions/sub-1";

/** A usage as its current value and its limit. */
function usage(azure: ModelFixture, name: string, location = "eastus"): readonly unknown[] {
  const path = `${SUBSCRIPTION}/providers/Microsoft.Compute/locations/${location}/usages`;
  const listed = listAt(azure.send("GET", path).body, "value") ?? [];
  const found = listed.find((each) => textAt(each, "name", "value") === name);
  return [numberAt(found, "currentValue"), numberAt(found, "limit")];
}

const snapshotOf = (disk: string): Json => ({
  location: "eastus",
  properties: {
    creationData: { createOption: "Copy", sourceResourceId: `${COMPUTE}/disks/${disk}` },
    incremental: true,
  },
});

describe("quotas", () => {
  it("show what a subscription has in a region, and what it may have", () => {
    const azure = aModel({ settings: { quotas: { PremiumDiskCount: 7 } } });
    azure.finish("PUT", "disks/pvc-1", diskBody());
    azure.finish("PUT", "disks/pvc-2", diskBody({ sku: "PremiumV2_LRS" }));
    azure.finish("PUT", "snapshots/s", snapshotOf("pvc-1"));
    const names = ["PremiumDiskCount", "PremiumV2DiskCount", "ZRSSnapshotCount", "virtualMachines", "cores"];
    assert.deepEqual(
      names.map((name) => usage(azure, name)),
      [
        [1, 7],
        [1, 1000],
        [1, 75_000],
        [2, 25_000],
        [16, 350],
      ],
    );
    assert.deepEqual(usage(azure, "PremiumDiskCount", "westus"), [0, 7], "each region has its own");
  });

  it("refuse a disk beyond them until one is deleted, and no other SKU", () => {
    const azure = aModel({ settings: { quotas: { PremiumDiskCount: 1 } } });
    azure.finish("PUT", "disks/pvc-1", diskBody());
    const refused = azure.send("PUT", "disks/pvc-2", diskBody());
    assert.deepEqual([refused.status, codeOf(refused.body)], [409, "OperationNotAllowed"]);
    assert.match(
      textAt(refused.body, "error", "message") ?? "",
      /exceeding approved PremiumDiskCount quota\..* Location: eastus, Current Limit: 1, Current Usage: 1,/,
    );
    assert.equal(azure.send("GET", "disks/pvc-2").status, 404);
    assert.equal(azure.send("PUT", "disks/pvc-3", diskBody({ sku: "StandardSSD_LRS" })).status, 202);
    assert.equal(azure.send("PATCH", "disks/pvc-1", { tags: { a: "b" } }).status, 202, "changes are free");
    azure.settle();
    azure.finish("DELETE", "disks/pvc-1");
    assert.equal(azure.send("PUT", "disks/pvc-2", diskBody()).status, 202);
  });

  it("refuse a snapshot beyond them", () => {
    const azure = aModel({ settings: { quotas: { ZRSSnapshotCount: 0 } } });
    azure.finish("PUT", "disks/pvc-1", diskBody());
    const refused = azure.send("PUT", "snapshots/s", snapshotOf("pvc-1"));
    assert.deepEqual([refused.status, codeOf(refused.body)], [409, "OperationNotAllowed"]);
  });

  it("are read from settings, whose mistakes are named", () => {
    const quotas = { PremiumDiskCount: 0 };
    assert.deepEqual(parseSettings({ quotas }), { ok: true, settings: { quotas } });
    for (const [wrong, reason] of [
      [[], "'quotas' is an object"],
      [{ DiskCount: 1 }, "'DiskCount' is not a quota"],
      [{ PremiumDiskCount: -1 }, "'PremiumDiskCount' is a whole number from 0"],
    ] as const)
      assert.ok(JSON.stringify(parseSettings({ quotas: wrong })).includes(reason), reason);
  });
});
