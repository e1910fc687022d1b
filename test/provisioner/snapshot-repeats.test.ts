import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { settledOn } from "../../src/adapters/virtual/testing/settled-on.ts";
import { aSnapshotRequest } from "../../src/controller/testing/a-snapshot-request.ts";
import type { Failure } from "../../src/core/failure/failure.ts";
import { fail, type Result } from "../../src/core/failure/result.ts";
import { valueOf } from "../../src/core/testing/value-of.ts";
import type { FaultEffect } from "../../src/emulator/model/pace/fault-rule.ts";
import { findSnapshot, putSnapshot } from "../../src/emulator/model/world.ts";
import type { SnapshotFacts } from "../../src/ports/cloud/snapshot-provisioner.ts";
import { aDiskRequest, diskUri, never } from "../contract/worlds/cloud-bench.ts";
import { anAzure, type ModelAzure } from "./an-azure.ts";

const SNAPSHOT = diskUri("snap-1").replace("/disks/", "/snapshots/");
const THROTTLED: FaultEffect = { kind: "Error", status: 429, code: "TooManyRequests", retryAfterS: 30 };
const TAKEN_AGAIN: Failure = {
  kind: "OperationInProgress",
  volumeId: SNAPSHOT,
  operation: "CreateSnapshot",
};

/** Another controller's snapshot under the name: it has deleted the failed one, and its own was taken. */
function takeAgain({ model: { world } }: ModelAzure): void {
  const present = findSnapshot(world, SNAPSHOT) ?? assert.fail("no snapshot");
  putSnapshot(world, { ...present, tags: { of: "another" }, provisioningState: "Succeeded" });
}

async function anAzureWithSnapshot(): Promise<ModelAzure> {
  const azure = anAzure();
  valueOf(await azure.run(azure.cloud.createDisk(aDiskRequest(), never)));
  const request = aSnapshotRequest({
    snapshotUri: SNAPSHOT,
    sourceUri: diskUri("pvc-1"),
    tags: { of: "this" },
  });
  valueOf(await azure.run(azure.cloud.createSnapshot(request, never)));
  return azure;
}

function objection({ tags }: SnapshotFacts): Failure | undefined {
  return tags["of"] === "this" ? undefined : TAKEN_AGAIN;
}

describe("a request that changes a snapshot", () => {
  for (const [call, operation] of [
    ["deleteSnapshot", "Snapshots_Delete"],
    ["tagSnapshot", "Snapshots_Update"],
  ] as const)
    it(`means none that took the name while ${call} waited for its turn`, async () => {
      const azure = await anAzureWithSnapshot();
      const { clock, model, cloud } = azure;
      model.faults.add({ operation, times: 1, effect: THROTTLED });
      const target = { snapshotUri: SNAPSHOT, objection };
      const sent: Promise<Result<unknown>> =
        call === "deleteSnapshot"
          ? cloud.deleteSnapshot(target, never)
          : cloud.tagSnapshot({ ...target, tags: { confirmed: "yes" } }, never);
      await clock.advance(10_000);
      takeAgain(azure);
      assert.deepEqual(await settledOn(clock, sent), fail(TAKEN_AGAIN));
      assert.deepEqual(findSnapshot(model.world, target.snapshotUri)?.tags, { of: "another" });
    });

  it("leaves one that another controller took while the failed one was to go", async () => {
    const azure = await anAzureWithSnapshot();
    const { clock, model, cloud } = azure;
    const failed = findSnapshot(model.world, SNAPSHOT) ?? assert.fail("no snapshot");
    putSnapshot(model.world, { ...failed, provisioningState: "Failed" });
    model.faults.add({ operation: "Snapshots_Delete", times: 1, effect: THROTTLED });
    const request = aSnapshotRequest({ snapshotUri: failed.id, sourceUri: diskUri("pvc-1") });
    const sent = cloud.createSnapshot(request, never);
    await clock.advance(10_000);
    takeAgain(azure);
    assert.deepEqual(valueOf(await settledOn(clock, sent)).tags, { of: "another" });
    const kept = findSnapshot(model.world, failed.id);
    assert.deepEqual([kept?.tags, kept?.createdAtMs], [{ of: "another" }, failed.createdAtMs]);
  });
});
