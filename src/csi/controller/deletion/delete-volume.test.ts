import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { driverTags } from "../../../controller/disk/disk-tags.ts";
import { aDisk } from "../../../controller/testing/a-disk.ts";
import type { AzVolume, WriterRecord } from "../../../core/api/az-volume.ts";
import { describeFailure } from "../../../core/failure/describe-failure.ts";
import type { Failure } from "../../../core/failure/failure.ts";
import { fail, ok } from "../../../core/failure/result.ts";
import { identity } from "../../../core/testing/objects.ts";
import type { SnapshotFacts } from "../../../ports/cloud/snapshot-provisioner.ts";
import { aCall } from "../../testing/a-call.ts";
import type { ControllerWorld } from "../../testing/a-controller.ts";
import { withController } from "../../testing/a-controller.ts";
import {
  aSnapshot,
  aSnapshotUri,
  createFakeSnapshots,
  type FakeSnapshots,
} from "../../testing/fake-snapshots.ts";
import { aDetail, aDiskUri, anAttachmentObject, aRecord, aVolumeObject } from "../../testing/objects.ts";
import type { ControllerContext } from "../controller-context.ts";
import { createSnapshot } from "../snapshots/create-snapshot.ts";
import { deleteVolume } from "./delete-volume.ts";
import { markDeleted } from "./mark-deleted.ts";

function remove(
  world: ControllerWorld,
  volumeId = aDiskUri(),
  deadlineMs = Number.POSITIVE_INFINITY,
): ReturnType<typeof deleteVolume> {
  return deleteVolume(world.context, { volumeId, secrets: {} }, aCall({ deadlineMs }));
}

async function givenVolume(world: ControllerWorld, record?: WriterRecord): Promise<void> {
  const volume = aVolumeObject();
  assert.ok(volume.status !== undefined);
  await world.given("AzVolume", {
    ...volume,
    status: record === undefined ? volume.status : { ...volume.status, record },
  });
}

const nodeA = { ...identity("node-a"), vmId: "vm-a" };
const isMarked = (world: ControllerWorld): boolean =>
  world.volume("pvc-1")?.spec.deleteRequested === true &&
  world.volume("pvc-1")?.metadata.deletionTimestamp !== undefined;

/** The call marks the volume, and succeeds once the object is gone. */
async function completes(world: ControllerWorld, answer: ReturnType<typeof remove>): Promise<void> {
  await world.until(() => isMarked(world));
  await world.removeFinalizers("pvc-1");
  assert.deepEqual(await world.answerOf(answer), ok({}));
}

describe("deleteVolume", () => {
  it("marks the volume before it deletes the object, and answers once that is gone", () =>
    withController(async (world) => {
      await givenVolume(world, aRecord());
      const answer = remove(world);
      await completes(world, answer);
      assert.deepEqual(world.steps, ["mark-delete", "mark-delete"]);
    }));

  it("marks no volume whose disk Azure still copies to another, and names that", () =>
    withController(async (world) => {
      await givenVolume(world, aRecord());
      const diskUri = aDiskUri("clone");
      const clone = aVolumeObject({ name: "clone", detail: aDetail({ diskUri }) });
      const since = "2026-01-01T00:00:00Z";
      await world.given("AzVolume", {
        ...clone,
        spec: { ...clone.spec, disk: { ...clone.spec.disk, sourceUri: aDiskUri() } },
        status: {
          ...(clone.status ?? assert.fail("no status")),
          copy: { percent: 40, since, readTime: since },
        },
      });
      const failure = { kind: "SourceBeingCopied", sourceUri: aDiskUri(), diskUri, percent: 40 } as const;
      assert.deepEqual(await world.answerOf(remove(world)), fail(failure));
      assert.deepEqual([isMarked(world), world.steps], [false, []]);
    }));

  const copied = aSnapshot({ isBeingCopied: true });
  const needed = {
    kind: "SnapshotBeingCopied",
    diskUri: aDiskUri(),
    snapshotUri: copied.snapshotUri,
  } as const;
  /** A volume, and what Azure shows of its snapshots. */
  const withSnapshots = async (
    world: ControllerWorld,
    skuName: string,
    ...snapshots: readonly SnapshotFacts[]
  ): Promise<{ readonly fake: FakeSnapshots; readonly context: ControllerContext }> => {
    await world.given("AzVolume", aVolumeObject({ detail: aDetail({ skuName }) }));
    const made = createFakeSnapshots(...snapshots);
    const fake: FakeSnapshots = {
      ...made,
      listSnapshots: ({ resourceGroup = "rg-1" }, signal) => made.listSnapshots({ resourceGroup }, signal),
    };
    const disk = aDisk({ diskUri: aDiskUri(), skuName });
    const getDisk: ControllerContext["cloud"]["getDisk"] = async ({ diskUri }) =>
      world.volume("pvc-1") === undefined ? fail({ kind: "DiskNotFound", diskUri }) : ok(disk);
    const cloud = { getDisk };
    return { fake, context: { ...world.context, snapshots: fake, cloud } };
  };

  for (const skuName of ["PremiumV2_LRS", "UltraSSD_LRS"])
    it(`keeps a disk of which Azure copies a snapshot in the background: ${skuName}`, () =>
      withController(async (world) => {
        const { fake, context } = await withSnapshots(world, skuName, copied);
        assert.deepEqual(await world.answerOf(remove({ ...world, context })), fail(needed));
        assert.deepEqual([isMarked(world), world.steps], [false, []]);
        fake.change(copied.snapshotUri, { isBeingCopied: false });
        const answer = remove({ ...world, context });
        await completes(world, answer);
      }));

  // Another client has deleted it: the copy can't be completed, and needs nothing any more.
  it("deletes a volume whose disk is gone, whatever Azure still copies of it", () =>
    withController(async (world) => {
      const { context } = await withSnapshots(world, "PremiumV2_LRS", copied);
      const getDisk: ControllerContext["cloud"]["getDisk"] = async ({ diskUri }) =>
        fail({ kind: "DiskNotFound", diskUri });
      const answer = remove({ ...world, context: { ...context, cloud: { getDisk } } });
      await completes(world, answer);
    }));

  it("keeps no disk for the snapshots of another one, or of another SKU", () =>
    withController(async (world) => {
      const other = { ...copied, snapshotUri: aSnapshotUri("other"), sourceUri: aDiskUri("other") };
      const { context } = await withSnapshots(world, "PremiumV2_LRS", other);
      const answer = remove({ ...world, context });
      await completes(world, answer);
      const slow = await withSnapshots(world, "Premium_LRS", copied);
      const again = remove({ ...world, context: slow.context });
      await world.until(() => isMarked(world));
      await world.removeFinalizers("pvc-1");
      assert.deepEqual(await world.answerOf(again), ok({}));
    }));

  it("deletes no disk, and takes no snapshot of it, where both are asked for at once", () =>
    withController(async (world) => {
      const { fake, context } = await withSnapshots(world, "PremiumV2_LRS");
      const request = {
        ...{ name: "snapshot-1", sourceVolumeId: aDiskUri(), parameters: {}, secrets: {} },
        accessibilityRequirements: undefined,
      };
      const take = (): ReturnType<typeof createSnapshot> => createSnapshot(context, request, aCall());
      /** Takes the snapshot after DeleteVolume has looked, and before it marks the volume. */
      const late: ControllerContext["steps"] = {
        run: async (step, act) => {
          if (step === "mark-delete" && fake.created.length === 0) assert.ok((await take()).ok);
          return act();
        },
      };
      const refused = await world.answerOf(remove({ ...world, context: { ...context, steps: late } }));
      assert.deepEqual([refused, isMarked(world)], [fail(needed), false]);
      await world.until(
        () => world.context.cache.get("AzVolume", "pvc-1")?.spec.recentSnapshots !== undefined,
      );
      const answer = remove({ ...world, context });
      await world.until(() => isMarked(world));
      fake.present.clear();
      const taken = await world.answerOf(take());
      assert.equal(!taken.ok && taken.failure.kind, "OperationInProgress");
      await world.removeFinalizers("pvc-1");
      assert.deepEqual(await world.answerOf(answer), ok({}));
    }));

  for (const volumeId of [aDiskUri("pvc-unknown"), "no-disk-uri"])
    it(`succeeds for a volume that does not exist: ${volumeId}`, async () => {
      await withController(async (world) =>
        assert.deepEqual(await world.answerOf(remove(world, volumeId)), ok({})),
      );
    });

  it("first checks for a disk without object, which would otherwise stay for ever", () =>
    withController(async (world) => {
      const context = { ...world.context, cloud: { getDisk: async () => ok(aDisk()) } };
      const answer = await world.answerOf(
        deleteVolume(context, { volumeId: aDiskUri(), secrets: {} }, aCall()),
      );
      assert.deepEqual(answer, {
        ok: false,
        failure: { kind: "StillWaiting", volumeId: aDiskUri(), what: "its disk to be looked at" },
      });
    }));

  it("never takes a disk that it can't read for deleted, and says what else helps", () =>
    withController(async (world) => {
      const refusals: readonly Failure[] = [
        { kind: "InvalidArgument", field: "diskUri", value: "d", problem: "is in subscription sub-2" },
        { kind: "CloudUnauthorized", code: "AuthorizationFailed", message: "no", requestId: "r-1" },
      ];
      for (const refusal of refusals) {
        const clusterVolumes = { ...world.context.clusterVolumes, knowsAttachments: true };
        const context = { ...world.context, clusterVolumes, cloud: { getDisk: async () => fail(refusal) } };
        const answer = await world.answerOf(
          deleteVolume(context, { volumeId: aDiskUri(), secrets: {} }, aCall()),
        );
        assert.ok(!answer.ok);
        assert.equal(answer.failure.kind, refusal.kind);
        assert.match(describeFailure(answer.failure), /set persistentVolumeReclaimPolicy Retain there/u);
      }
    }));

  it("deletes a copy that Azure failed to make, whose object was lost", () =>
    withController(async (world) => {
      const sourceUri = aDiskUri("source");
      const disk = aDisk({ diskUri: aDiskUri(), sourceUri, state: "Failed" });
      const cloud: ControllerWorld["context"]["cloud"] = { getDisk: async () => ok(disk) };
      const context = { ...world.context, cloud };
      const answer = deleteVolume(context, { volumeId: aDiskUri(), secrets: {} }, aCall());
      const present = (): AzVolume | undefined => context.cache.list("AzVolume")[0];
      await world.until(() => present() !== undefined);
      const name = present()?.metadata.name ?? "";
      const failure = { kind: "DiskCopyFailed", diskUri: aDiskUri(), sourceUri, state: "Failed" } as const;
      await world.failed(name, "Pending", failure);
      await world.until(() => present()?.spec.deleteRequested === true);
      context.cloud.getDisk = async () => fail({ kind: "DiskNotFound", diskUri: aDiskUri() });
      await world.removeFinalizers(name);
      assert.deepEqual(await world.answerOf(answer), ok({}));
    }));

  for (const { code, isGone } of [
    { code: "ResourceGroupNotFound", isGone: true },
    { code: "SubscriptionNotFound", isGone: false },
  ])
    it(`${isGone ? "takes a disk for gone" : "knows nothing of a disk"} after ${code}`, () =>
      withController(async (world) => {
        const failure = { kind: "CloudRejected", code, message: "no", requestId: "r" } as const;
        const context = { ...world.context, cloud: { getDisk: async () => fail(failure) } };
        const expected = isGone ? ok({}) : { ok: false, failure };
        assert.deepEqual(await world.answerOf(remove({ ...world, context })), expected, "without an object");
        await givenVolume(world, aRecord());
        const answer = remove({ ...world, context });
        await world.until(() => isMarked(world));
        await world.removeFinalizers("pvc-1");
        assert.deepEqual(await world.answerOf(answer), expected, "once its object is gone");
      }));

  it("deletes a disk whose tag names another cluster", () =>
    withController(async (world) => {
      const tags = driverTags(aVolumeObject(), "cluster-2");
      let isThere = true;
      const getDisk: ControllerContext["cloud"]["getDisk"] = async ({ diskUri }) =>
        isThere ? ok(aDisk({ diskUri, tags })) : fail({ kind: "DiskNotFound", diskUri });
      const answer = remove({ ...world, context: { ...world.context, cloud: { getDisk } } });
      await world.until(() => world.volume("pvc-1") !== undefined);
      await world.setStatus("pvc-1", ({ metadata: { generation } }) => ({
        state: "Created",
        observedGeneration: generation,
        conditions: [],
        detail: aDetail(),
        record: aRecord(),
      }));
      await world.until(() => isMarked(world));
      isThere = false;
      await world.removeFinalizers("pvc-1");
      assert.deepEqual(await world.answerOf(answer), ok({}));
    }));

  it("does not take a volume for gone whose object was erased while its disk remains", () =>
    withController(async (world) => {
      await givenVolume(world, aRecord());
      const context = { ...world.context, cloud: { getDisk: async () => ok(aDisk()) } };
      const answer = deleteVolume(context, { volumeId: aDiskUri(), secrets: {} }, aCall());
      await world.until(() => isMarked(world));
      await world.removeFinalizers("pvc-1");
      const what = "its disk to be deleted: its AzVolume is gone, and the disk is not";
      assert.deepEqual(await world.answerOf(answer), {
        ok: false,
        failure: { kind: "StillWaiting", volumeId: aDiskUri(), what },
      });
    }));

  it("does not confuse it with a disk of the same name in another resource group", () =>
    withController(async (world) => {
      await givenVolume(world);
      assert.deepEqual(await world.answerOf(remove(world, aDiskUri().replace("rg-1", "rg-2"))), ok({}));
      assert.equal(world.volume("pvc-1")?.spec.deleteRequested, false);
    }));

  it("deletes no volume that is being made under the disk's name in another group", () =>
    withController(async (world) => {
      const disk = { resourceGroup: "rg-2", ...aVolumeObject().spec.disk };
      await world.given("AzVolume", aVolumeObject({ detail: undefined, spec: { disk } }));
      const tags = { "k8s-azure-created-by": "kubernetes-azure-dd" };
      const cloud: ControllerContext["cloud"] = {
        getDisk: async ({ diskUri }) => ok(aDisk({ diskUri, tags })),
      };
      const deadlineMs = world.clock.elapsedMs() + 5_000;
      const answer = remove({ ...world, context: { ...world.context, cloud } }, aDiskUri(), deadlineMs);
      await world.clock.settle();
      const made = aDetail({ diskUri: aDiskUri().replace("rg-1", "rg-2") });
      await world.setStatus("pvc-1", ({ metadata }) => ({
        state: "Created",
        observedGeneration: metadata.generation,
        conditions: [],
        detail: made,
      }));
      const answered = await world.answerOf(answer);
      assert.equal(!answered.ok && answered.failure.kind, "StillWaiting");
      assert.equal(world.volume("pvc-1")?.spec.deleteRequested, false);
    }));

  it("continues a deletion that an earlier call marked and did not carry on", () =>
    withController(async (world) => {
      await world.given("AzVolume", aVolumeObject({ spec: { deleteRequested: true } }));
      const answer = remove(world);
      await completes(world, answer);
    }));

  const writers: readonly (readonly [string, WriterRecord])[] = [
    ["holds the grant", aRecord({ writer: { ...nodeA, epoch: 1, held: true, requested: false } })],
    ["was granted it", aRecord({ writer: { ...nodeA, epoch: 1, held: false, requested: true } })],
  ];
  for (const [because, record] of writers)
    it(`refuses while a node ${because}, and changes nothing`, () =>
      withController(async (world) => {
        await givenVolume(world, record);
        assert.deepEqual(await world.answerOf(remove(world)), {
          ok: false,
          failure: { kind: "VolumeInUse", volumeId: aDiskUri(), nodeName: "node-a", users: [] },
        });
        assert.equal(isMarked(world), false);
      }));

  it("deletes a volume whose grant has neither a user nor a request", () =>
    withController(async (world) => {
      await givenVolume(world, aRecord({ writer: { ...nodeA, epoch: 1, held: false, requested: true } }));
      world.use = { kind: "unused" };
      const answer = remove(world);
      await completes(world, answer);
      assert.deepEqual(world.steps, ["withdraw", "mark-delete", "mark-delete"]);
    }));

  it("refuses while the volume is published on a node", () =>
    withController(async (world) => {
      await givenVolume(world);
      await world.given("AzVolumeAttachment", anAttachmentObject({ nodeName: "node-b" }));
      assert.deepEqual(await world.answerOf(remove(world)), {
        ok: false,
        failure: { kind: "VolumeInUse", volumeId: aDiskUri(), nodeName: "node-b", users: [] },
      });
    }));

  it("deletes a volume that only a node's own attachment requests, without a pod", () =>
    withController(async (world) => {
      await givenVolume(world, aRecord());
      await world.given("AzVolumeAttachment", anAttachmentObject({ nodeName: "node-b" }));
      world.use = { kind: "unused" };
      const context = {
        ...world.context,
        attach: "driver" as const,
        clusterVolumes: { ...world.context.clusterVolumes, knowsAttachments: true },
      };
      const answer = deleteVolume(context, { volumeId: aDiskUri(), secrets: {} }, aCall());
      await completes(world, answer);
    }));

  it("refuses while nodes are unverified: one of them may be writing", () =>
    withController(async (world) => {
      await givenVolume(world, aRecord({ unverified: [nodeA] }));
      assert.deepEqual(await world.answerOf(remove(world)), {
        ok: false,
        failure: { kind: "WriterRecordUnverified", volumeId: aDiskUri(), nodes: ["node-a"] },
      });
    }));

  it("deletes despite replicas and a writer that has released the volume", () =>
    withController(async (world) => {
      await givenVolume(world, aRecord({ writer: { ...nodeA, epoch: 1, held: false, requested: false } }));
      await world.given("AzVolumeAttachment", anAttachmentObject({ role: "Replica" }));
      const answer = remove(world);
      await completes(world, answer);
    }));

  it("says what it waits for if the caller can't wait longer, and continues next time", () =>
    withController(async (world) => {
      await givenVolume(world);
      const deadlineMs = world.clock.elapsedMs() + 5_000;
      assert.deepEqual(await world.answerOf(remove(world, aDiskUri(), deadlineMs)), {
        ok: false,
        failure: { kind: "StillWaiting", volumeId: aDiskUri(), what: "its disk to be deleted" },
      });
      const again = remove(world);
      await world.clock.settle();
      await world.removeFinalizers("pvc-1");
      assert.deepEqual(await world.answerOf(again), ok({}));
    }));

  it("names a node that has not unstaged a volume that several nodes may write", () =>
    withController(async (world) => {
      const capabilities = [{ accessMode: "MULTI_NODE_MULTI_WRITER", accessType: "block" }] as const;
      await world.given("AzVolume", aVolumeObject({ spec: { capabilities } }));
      await world.given("AzVolumeAttachment", anAttachmentObject({ role: "Replica", staged: true }));
      const what = "node-a to unstage it; if that node is dead, mark it out of service";
      assert.deepEqual(
        await world.answerOf(remove(world, aDiskUri(), world.clock.elapsedMs() + 5_000)),
        fail({ kind: "StillWaiting", volumeId: aDiskUri(), what }),
      );
    }));

  it("answers the failure of Azure", () =>
    withController(async (world) => {
      await givenVolume(world);
      const answer = remove(world);
      await world.until(() => isMarked(world));
      await world.failed("pvc-1", "DeletionFailed", {
        kind: "CloudUnauthorized",
        code: "AuthorizationFailed",
        message: "no",
        requestId: "r",
      });
      const answered = await world.answerOf(answer);
      assert.equal(!answered.ok && answered.failure.kind, "CloudUnauthorized");
    }));

  it("answers no earlier failure of a volume that is gone by then, before the cache", () =>
    withController(async (world) => {
      await givenVolume(world);
      const denied = { kind: "CloudUnauthorized", code: "no", message: "no", requestId: "r" } as const;
      await world.failed("pvc-1", "DeletionFailed", denied);
      const { signal } = new AbortController();
      // Another controller's call ends the deletion once this one has read the volume.
      const store: ControllerContext["store"] = {
        ...world.store,
        get: async (kind, name, callSignal) => {
          const read = await world.store.get(kind, name, callSignal);
          if (read.ok) {
            world.store.holdWatches(true);
            await world.store.delete("AzVolume", "pvc-1", {}, signal);
            await world.removeFinalizers("pvc-1");
          }
          return read;
        },
      };
      const context = { ...world.context, store };
      const deadlineMs = world.clock.elapsedMs() + 5_000;
      assert.deepEqual(await world.answerOf(remove({ ...world, context }, aDiskUri(), deadlineMs)), ok({}));
    }));

  it("reads the store, not a cache that has not seen the volume yet", () =>
    withController(async (world) => {
      world.store.holdWatches(true);
      const signal = new AbortController().signal;
      const { spec, status } = aVolumeObject();
      const made = await world.answerOf(
        world.store.create("AzVolume", { metadata: { name: "pvc-1", finalizers: ["f"] }, spec }, signal),
      );
      assert.ok(made.ok && status !== undefined);
      await world.answerOf(world.store.updateStatus("AzVolume", { ...made.value, status }, signal));
      const answer = remove(world);
      await world.until(() => isMarked(world));
      await world.clock.advance(1_000);
      world.store.holdWatches(false);
      await world.removeFinalizers("pvc-1");
      assert.deepEqual(await world.answerOf(answer), ok({}));
    }));

  it("marks no later volume of the same name", () =>
    withController(async (world) => {
      await givenVolume(world);
      const { store } = world;
      let later: AzVolume | undefined;
      // Another controller's call ends the deletion, and the name is used again, before the mark is written.
      const replacing: ControllerContext["store"] = {
        ...store,
        get: async (kind, name, signal) => {
          if (later === undefined) {
            await store.delete("AzVolume", "pvc-1", {}, signal);
            await world.removeFinalizers("pvc-1");
            const { spec } = aVolumeObject();
            const made = await store.create("AzVolume", { metadata: { name: "pvc-1" }, spec }, signal);
            assert.ok(made.ok);
            later = made.value;
          }
          return store.get(kind, name, signal);
        },
      };
      const earlier = world.volume("pvc-1") ?? assert.fail();
      const context = { ...world.context, store: replacing };
      const marked = markDeleted(context, earlier, () => undefined, new AbortController().signal);
      assert.deepEqual(await world.answerOf(marked), ok(undefined));
      assert.deepEqual(world.steps, ["mark-delete"]);
      assert.deepEqual(world.volume("pvc-1"), later);
    }));
});
