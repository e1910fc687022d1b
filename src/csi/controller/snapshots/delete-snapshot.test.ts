import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { describeFailure } from "../../../core/failure/describe-failure.ts";
import { aCall } from "../../testing/a-call.ts";
import { anEmptyContext } from "../../testing/a-context.ts";
import { withController } from "../../testing/a-controller.ts";
import { aSnapshot, aSnapshotUri, createFakeSnapshots } from "../../testing/fake-snapshots.ts";
import { aDiskUri, aVolumeObject } from "../../testing/objects.ts";
import { deleteSnapshot } from "./delete-snapshot.ts";

const V1_TAG = { "k8s-azure-created-by": "kubernetes-azure-dd" };

/** Deletes a snapshot with these tags: what is answered, and whether it is gone. */
async function deletionOf(
  tags: Readonly<Record<string, string>>,
): Promise<{ readonly answer: string; readonly isGone: boolean }> {
  const snapshot = aSnapshot({ tags });
  const snapshots = createFakeSnapshots(snapshot);
  const cloud = { getDisk: () => assert.fail("no disk is read") };
  const context = { ...anEmptyContext({ snapshots, cloud }), lostClusterIds: ["lost-1", "lost-2"] };
  const deleted = await deleteSnapshot(context, { snapshotId: snapshot.snapshotUri, secrets: {} }, aCall());
  return { answer: deleted.ok ? "OK" : deleted.failure.kind, isGone: snapshots.present.size === 0 };
}

describe("deleteSnapshot", () => {
  for (const { whose, tags } of [
    { whose: "the cluster's own", tags: { ...V1_TAG, "disk.csi.azure.com-cluster-id": "cluster-1" } },
    { whose: "one that V1 made", tags: V1_TAG },
    { whose: "a lost cluster's", tags: { ...V1_TAG, "disk.csi.azure.com-cluster-id": "lost-2" } },
    { whose: "one handed over to the cluster", tags: { "disk.csi.azure.com-cluster-id": "cluster-1" } },
  ])
    it(`deletes ${whose}`, async () => {
      assert.deepEqual(await deletionOf(tags), { answer: "OK", isGone: true });
    });

  it("deletes what is left of a lost cluster's copy, too", async () => {
    const tags = { ...V1_TAG, "disk.csi.azure.com-cluster-id": "lost-1" };
    const { snapshotUri } = aSnapshot();
    const copiedTo = { ...tags, "disk.csi.azure.com-copied-to": "snapshot-1" };
    const source = aSnapshot({ snapshotUri: aSnapshotUri("local_snapshot-1"), tags: copiedTo });
    const snapshots = createFakeSnapshots(source);
    const cloud = { getDisk: () => assert.fail("no disk is read") };
    const context = anEmptyContext({ snapshots, cloud });
    const removed = async (lostClusterIds: readonly string[]): Promise<readonly unknown[]> => {
      const request = { snapshotId: snapshotUri, secrets: {} };
      const deleted = await deleteSnapshot({ ...context, lostClusterIds }, request, aCall());
      return [deleted.ok, snapshots.present.size];
    };
    assert.deepEqual(
      [await removed([]), await removed(["lost-1"])],
      [
        [true, 1],
        [true, 0],
      ],
    );
  });

  for (const { whose, tags } of [
    { whose: "another cluster's", tags: { ...V1_TAG, "disk.csi.azure.com-cluster-id": "cluster-2" } },
    { whose: "one of a longer id", tags: { ...V1_TAG, "disk.csi.azure.com-cluster-id": "lost-22" } },
    { whose: "a person's", tags: { owner: "alice" } },
  ])
    it(`leaves ${whose}`, async () => {
      assert.deepEqual(await deletionOf(tags), { answer: "SnapshotOfOther", isGone: false });
    });

  it("keeps the source of a copy that Azure still fills, and names that", () =>
    withController(async (world) => {
      const { snapshotUri } = aSnapshot();
      const volume = aVolumeObject();
      await world.given("AzVolume", {
        ...volume,
        spec: { ...volume.spec, disk: { ...volume.spec.disk, sourceUri: snapshotUri } },
      });
      const snapshots = createFakeSnapshots(aSnapshot({ tags: V1_TAG }));
      const fill = (copy: object): Promise<unknown> =>
        world.setStatus("pvc-1", ({ status }) => {
          const { copy: _, ...others } = status ?? assert.fail("no status");
          return { ...others, ...copy };
        });
      await fill({ copy: { percent: 40, since: "2026-01-01T00:00:00Z", readTime: "2026-01-01T00:00:00Z" } });
      const removed = (): ReturnType<typeof deleteSnapshot> =>
        world.answerOf(
          deleteSnapshot({ ...world.context, snapshots }, { snapshotId: snapshotUri, secrets: {} }, aCall()),
        );
      await world.until(() => world.volume("pvc-1")?.status?.copy !== undefined);
      assert.deepEqual(await removed(), {
        ok: false,
        failure: { kind: "SourceBeingCopied", sourceUri: snapshotUri, diskUri: aDiskUri(), percent: 40 },
      });
      assert.equal(snapshots.present.size, 1);
      await fill({});
      assert.deepEqual([(await removed()).ok, snapshots.present.size], [true, 0]);
    }));

  it("says how another cluster's, such as a synced backup, is handed over", async () => {
    const snapshot = aSnapshot({ tags: { "disk.csi.azure.com-cluster-id": "cluster-2" } });
    const cloud = { getDisk: () => assert.fail("no disk is read") };
    const context = anEmptyContext({ snapshots: createFakeSnapshots(snapshot), cloud });
    const { snapshotUri } = snapshot;
    const deleted = await deleteSnapshot(context, { snapshotId: snapshotUri, secrets: {} }, aCall());
    assert.ok(!deleted.ok);
    const remedy =
      `az tag update --resource-id ${snapshotUri} --operation merge --tags ` +
      "disk.csi.azure.com-cluster-id=cluster-1";
    assert.ok(describeFailure(deleted.failure).endsWith(remedy), describeFailure(deleted.failure));
  });

  for (const { snapshotId, answer } of [
    { snapshotId: "", answer: "InvalidArgument" },
    { snapshotId: "none", answer: "OK" },
    { snapshotId: aDiskUri(), answer: "OK" },
    { snapshotId: aSnapshot().snapshotUri, answer: "OK" },
  ])
    it(`answers ${answer} to ${JSON.stringify(snapshotId.slice(-20))} where there is none`, async () => {
      const cloud = { getDisk: () => assert.fail("no disk is read") };
      const context = anEmptyContext({ snapshots: createFakeSnapshots(), cloud });
      const deleted = await deleteSnapshot(context, { snapshotId, secrets: {} }, aCall());
      assert.equal(deleted.ok ? "OK" : deleted.failure.kind, answer);
    });
});
