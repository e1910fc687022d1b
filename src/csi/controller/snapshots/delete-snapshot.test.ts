import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { aCall } from "../../testing/a-call.ts";
import { aSnapshotContext } from "../../testing/a-snapshot-context.ts";
import { aSnapshot, createFakeSnapshots } from "../../testing/fake-snapshots.ts";
import { aDiskUri } from "../../testing/objects.ts";
import { deleteSnapshot } from "./delete-snapshot.ts";

const V1_TAG = { "k8s-azure-created-by": "kubernetes-azure-dd" };

/** Deletes a snapshot with these tags: what is answered, and whether it is gone. */
async function deletionOf(
  tags: Readonly<Record<string, string>>,
): Promise<{ readonly answer: string; readonly isGone: boolean }> {
  const snapshot = aSnapshot({ tags });
  const snapshots = createFakeSnapshots(snapshot);
  const cloud = { getDisk: () => assert.fail("no disk is read") };
  const context = aSnapshotContext({ snapshots, cloud });
  const deleted = await deleteSnapshot(context, { snapshotId: snapshot.snapshotUri, secrets: {} }, aCall());
  return { answer: deleted.ok ? "OK" : deleted.failure.kind, isGone: snapshots.present.size === 0 };
}

describe("deleteSnapshot", () => {
  for (const { whose, tags } of [
    { whose: "the cluster's own", tags: { ...V1_TAG, "disk.csi.azure.com-cluster-id": "cluster-1" } },
    { whose: "one that V1 made", tags: V1_TAG },
    { whose: "one handed over to the cluster", tags: { "disk.csi.azure.com-cluster-id": "cluster-1" } },
  ])
    it(`deletes ${whose}`, async () => {
      assert.deepEqual(await deletionOf(tags), { answer: "OK", isGone: true });
    });

  for (const { whose, tags } of [
    { whose: "another cluster's", tags: { ...V1_TAG, "disk.csi.azure.com-cluster-id": "cluster-2" } },
    { whose: "a person's", tags: { owner: "alice" } },
  ])
    it(`leaves ${whose}`, async () => {
      assert.deepEqual(await deletionOf(tags), { answer: "SnapshotOfOther", isGone: false });
    });

  for (const { snapshotId, answer } of [
    { snapshotId: "", answer: "InvalidArgument" },
    { snapshotId: "none", answer: "OK" },
    { snapshotId: aDiskUri(), answer: "OK" },
    { snapshotId: aSnapshot().snapshotUri, answer: "OK" },
  ])
    it(`answers ${answer} to ${JSON.stringify(snapshotId.slice(-20))} where there is none`, async () => {
      const cloud = { getDisk: () => assert.fail("no disk is read") };
      const context = aSnapshotContext({ snapshots: createFakeSnapshots(), cloud });
      const deleted = await deleteSnapshot(context, { snapshotId, secrets: {} }, aCall());
      assert.equal(deleted.ok ? "OK" : deleted.failure.kind, answer);
    });
});
