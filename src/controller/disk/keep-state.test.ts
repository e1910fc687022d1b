import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AzVolume, WriterRecord } from "../../core/api/az-volume.ts";
import { VOLUME_FINALIZER } from "../../core/api/finalizers.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { fail, ok } from "../../core/failure/result.ts";
import { isUnmarked, withoutUnmarked, withUnmarked } from "../../core/rollback/attachments-unmarked.ts";
import { aDetail, agoMs, aRecord, aVolume, diskUri, identity } from "../../core/testing/objects.ts";
import { listIn, changedRecord } from "../../core/testing/record-lists.ts";
import { must } from "../../core/testing/value-of.ts";
import type { CloudProvisioner } from "../../ports/cloud/cloud-provisioner.ts";
import type { ObjectStore } from "../../ports/store/object-store.ts";
import type { Reconciled } from "../../runtime/queue/control-loop.ts";
import { recoverVolumes } from "../adoption/recover-volumes.ts";
import { type ReconcileWorld, withControllerPorts } from "../testing/a-controller.ts";
import { aDisk } from "../testing/a-disk.ts";
import { aDriverNode } from "../testing/a-driver-node.ts";
import { removeVolume } from "../testing/remake-volume.ts";
import { diskReconciler } from "./disk-reconciler.ts";
import { driverTags } from "./disk-tags.ts";
import { keepStateReconciler } from "./keep-state.ts";
import { createUntaggedTime } from "./untagged-time.ts";

const never = new AbortController().signal;
const REST_MS = 20_000;
const nodeB = identity("node-b");
const formatted = { fsType: "ext4", nodeName: "node-b", time: agoMs(60_000), uuid: "uuid-1" };
const formattedAndQuarantined = aVolume({
  metadata: { finalizers: [VOLUME_FINALIZER] },
  status: { detail: aDetail({ formatted }), record: aRecord({ quarantined: [nodeB], epoch: 3 }) },
});

const noRoom: Failure = {
  kind: "InvalidArgument",
  field: `tags of ${diskUri}`,
  value: "51",
  problem: "Azure allows 50 tags on a disk",
};

/** A volume whose record has just put node-b into quarantine. */
async function givenNewQuarantine(world: ReconcileWorld): Promise<void> {
  const metadata = { finalizers: [VOLUME_FINALIZER] };
  await world.given("AzVolume", aVolume({ metadata, status: { record: aRecord() } }));
  await world.setRecord((record) => changedRecord(record, { quarantined: [nodeB] }));
}

/** A world whose disk has tags that other clients can edit. */
async function withTaggedDisk(
  act: (
    world: ReconcileWorld & {
      readonly tags: Map<string, string>;
      readonly cloud: CloudProvisioner;
      tagFailure: Failure | undefined;
      readonly tagged: () => number;
      /** Another process takes over, and does not know since when the tags are outdated. */
      restart(): void;
      /** Runs the loop once. */
      keep(): Promise<Reconciled>;
      /** The same after the volume has been at rest. */
      rest(): Promise<Reconciled>;
      /** Runs once, while Azure writes the tags. */
      whileTagged: (() => Promise<void>) | undefined;
      /** The same between the list of the disks and its use. */
      afterListing: (() => Promise<void>) | undefined;
      /** The same for the loop that rebuilds an object which was deleted by hand. */
      rebuild(disturbance?: { readonly beforeFirstWrite: () => Promise<void> }): Promise<unknown>;
    },
  ) => Promise<void>,
): Promise<void> {
  await withControllerPorts(async (plain) => {
    const tags = new Map<string, string>(Object.entries(driverTags(aVolume(), "cluster-1")));
    let tagged = 0;
    const cloud: CloudProvisioner = {
      ...plain.ports.cloud,
      getDisk: async () => ok(aDisk({ tags: Object.fromEntries(tags) })),
      listDisks: async () => {
        const listed = [aDisk({ tags: Object.fromEntries(tags) })];
        const { afterListing } = world;
        world.afterListing = undefined;
        await afterListing?.();
        return ok(listed);
      },
      tagDisk: async (request) => {
        tagged += 1;
        if (world.tagFailure !== undefined) return fail(world.tagFailure);
        const disturb = world.whileTagged;
        world.whileTagged = undefined;
        await disturb?.();
        for (const [name, value] of Object.entries(request.tags)) {
          if (value === undefined) tags.delete(name);
          else tags.set(name, value);
        }
        return ok(undefined);
      },
    };
    const ports = { ...plain.ports, cloud };
    let reconciler = keepStateReconciler(ports, createUntaggedTime(ports));
    const world = {
      ...plain,
      tags,
      cloud,
      tagFailure: undefined as Failure | undefined,
      whileTagged: undefined as (() => Promise<void>) | undefined,
      afterListing: undefined as (() => Promise<void>) | undefined,
      tagged: () => tagged,
      rest: async () => {
        await plain.answerOf(plain.clock.sleep(REST_MS, never));
        return world.keep();
      },
      restart: () => {
        reconciler = keepStateReconciler(ports, createUntaggedTime(ports));
      },
      keep: () => plain.answerOf(reconciler.reconcile("pvc-1", never)),
      rebuild: ({ beforeFirstWrite }: { readonly beforeFirstWrite?: () => Promise<void> } = {}) => {
        let isFirst = true;
        const update: ObjectStore["update"] = async (kind, object, signal) => {
          if (isFirst) await beforeFirstWrite?.();
          isFirst = false;
          return ports.store.update(kind, object, signal);
        };
        return plain.answerOf(
          diskReconciler({ ...ports, store: { ...ports.store, update } }).reconcile("pvc-1", never),
        );
      },
    };
    await act(world);
  });
}

/** Removes the object together with its finalizer, and recreates it as a CSI call or recovery does. */
async function lose(world: ReconcileWorld, cloud: CloudProvisioner): Promise<void> {
  await removeVolume(world);
  await world.answerOf(world.clock.sleep(1_000, never));
  assert.deepEqual(await world.answerOf(recoverVolumes({ ...world.ports, cloud }, never)), ok(1));
  await world.answerOf(world.clock.sleep(1_000, never));
  await world.answerOf(diskReconciler({ ...world.ports, cloud }).reconcile("pvc-1", never));
}

describe("the state that a disk's tags keep", () => {
  it("is written once, and survives the loss of all objects", () =>
    withTaggedDisk(async (world) => {
      await world.given("AzVolume", formattedAndQuarantined);
      await world.rest();
      await world.rest();
      assert.equal(world.tagged(), 1);
      await lose(world, world.cloud);
      assert.deepEqual(listIn(world.record(), "quarantined"), [nodeB]);
      assert.deepEqual(world.volume()?.status?.detail?.formatted, formatted);
      assert.equal(world.record()?.defaultAccess, "quarantined");
    }));

  it("is removed once the node is clean", () =>
    withTaggedDisk(async (world) => {
      await world.given("AzVolume", formattedAndQuarantined);
      await world.rest();
      await world.setRecord((record) => changedRecord(record, { quarantined: [] }));
      await world.rest();
      assert.deepEqual(
        [...world.tags.keys()].filter((name) => name.includes("quarantined")),
        [],
      );
    }));

  it("is written again after another client's edit, and never changes the record", () =>
    withTaggedDisk(async (world) => {
      await world.given("AzVolume", formattedAndQuarantined);
      await world.rest();
      const written = new Map(world.tags);
      for (const name of written.keys()) if (/quarantined|formatted/u.test(name)) world.tags.delete(name);
      await world.answerOf(recoverVolumes({ ...world.ports, cloud: world.cloud }, never));
      assert.deepEqual(
        [listIn(world.record(), "quarantined"), world.volume()?.status?.detail?.formatted],
        [[nodeB], formatted],
      );
      await world.rest();
      assert.deepEqual(world.tags, written);
    }));

  it("is written although recovery has listed the disk as it was before, and is again", () =>
    withTaggedDisk(async (world) => {
      await world.given("AzVolume", formattedAndQuarantined);
      await world.rest();
      const quarantined = new Map(world.tags);
      const looksAtList = Promise.withResolvers<void>();
      world.afterListing = () => looksAtList.promise;
      const recovered = recoverVolumes({ ...world.ports, cloud: world.cloud }, never);
      await world.answerOf(world.clock.sleep(1_000, never));
      assert.equal(world.afterListing, undefined, "the disks were not listed");
      await world.setRecord((record) => changedRecord(record, { quarantined: [] }));
      await world.rest();
      assert.notDeepEqual(world.tags, quarantined);
      looksAtList.resolve();
      assert.deepEqual(await world.answerOf(recovered), ok(0));
      await world.setRecord((record) => changedRecord(record, { quarantined: [nodeB] }));
      await world.rest();
      assert.deepEqual(world.tags, quarantined);
    }));

  it("distrusts every known node where a tag can't be read", () =>
    withTaggedDisk(async (world) => {
      await world.given("AzVolume", formattedAndQuarantined);
      await world.given("AzDriverNode", aDriverNode("node-c"));
      await world.rest();
      world.tags.set("disk.csi.azure.com-quarantined-0", "?");
      await lose(world, world.cloud);
      assert.deepEqual(
        listIn(world.record(), "quarantined").map(({ nodeName }) => nodeName),
        [identity("node-c").nodeName],
      );
    }));

  it("is written after a minute although the volume never rests", () =>
    withTaggedDisk(async (world) => {
      await givenNewQuarantine(world);
      for (let epoch = 1; epoch <= 12; epoch++) {
        assert.equal(world.tagged(), 0, `after ${(epoch - 1) * 5} s`);
        await world.answerOf(world.clock.sleep(5_000, never));
        await world.setRecord((record) => ({ ...record, epoch }));
        await world.keep();
      }
      await world.answerOf(world.clock.sleep(1_000, never));
      await world.keep();
      assert.equal(world.tagged(), 1);
      await lose(world, world.cloud);
      assert.deepEqual(listIn(world.record(), "quarantined"), [nodeB]);
    }));

  it("is retried and reported where Azure fails for longer than it may be missing", () =>
    withTaggedDisk(async (world) => {
      await givenNewQuarantine(world);
      world.tagFailure = { kind: "CloudUnavailable", code: "503", message: "", requestId: "r" };
      assert.deepEqual(await world.rest(), fail(world.tagFailure));
      assert.equal(world.emitted.length, 0);
      for (let time = 0; time < 3; time++) await world.rest();
      const [emitted] = world.emitted;
      assert.deepEqual([emitted?.about.name, emitted?.reason], ["pvc-1", "StateNotKept"]);
      assert.match(emitted?.message ?? "", /^the disk's tags do not show its fences .*503/u);
      world.tagFailure = undefined;
      assert.deepEqual(await world.rest(), ok({}));
    }));

  it("is written once a minute where it moves during each write", () =>
    withTaggedDisk(async (world) => {
      await world.given("AzVolume", formattedAndQuarantined);
      world.restart();
      world.whileTagged = () =>
        world.setRecord((record) => changedRecord(record, { quarantined: [nodeB, identity("node-c")] }));
      assert.deepEqual(await world.keep(), ok({}));
      await world.answerOf(world.clock.sleep(1_000, never));
      const next = await world.keep();
      assert.ok(next.ok && (next.value.requeueAfterMs ?? 0) > 0, JSON.stringify(next));
      assert.equal(world.tagged(), 1);
      await world.rest();
      assert.equal(world.tagged(), 2);
    }));

  it("is not reported by a controller that has just started, whose first try fails", () =>
    withTaggedDisk(async (world) => {
      const quarantined = { detail: aDetail(), record: aRecord({ quarantined: [nodeB] }) };
      await world.given(
        "AzVolume",
        aVolume({ metadata: { finalizers: [VOLUME_FINALIZER] }, status: quarantined }),
      );
      world.restart();
      world.tagFailure = { kind: "CloudUnavailable", code: "503", message: "", requestId: "r" };
      assert.deepEqual(
        [await world.keep(), world.tagged(), world.emitted.length],
        [fail(world.tagFailure), 1, 0],
      );
      for (let time = 0; time < 3; time++) await world.rest();
      assert.deepEqual(
        world.emitted.map(({ reason }) => reason),
        ["StateNotKept"],
      );
    }));

  it("delays nothing where Azure refuses it, and is reported and retried later", () =>
    withTaggedDisk(async (world) => {
      await givenNewQuarantine(world);
      world.tagFailure = noRoom;
      const refused = await world.rest();
      assert.ok(refused.ok);
      const { requeueAfterMs = 0 } = refused.value;
      assert.ok(requeueAfterMs >= 400_000 && requeueAfterMs <= 600_000, String(requeueAfterMs));
      assert.deepEqual(
        world.emitted.map(({ reason }) => reason),
        ["StateNotKept"],
      );
      assert.equal(world.volume()?.status?.error, undefined);
    }));

  it("is not reported for a disk that is gone, or a volume that has changed since", () =>
    withTaggedDisk(async (world) => {
      await world.given("AzVolume", formattedAndQuarantined);
      for (const tagFailure of [
        { kind: "DiskNotFound", diskUri } as const,
        { kind: "Refused", diskUri } as const,
      ]) {
        world.tagFailure = tagFailure;
        await world.rest();
      }
      assert.deepEqual([world.tagged(), world.emitted], [2, []]);
    }));

  describe("of an AzVolume that is deleted by hand", () => {
    const deletedByHand = (world: ReconcileWorld): Promise<void> => world.markDeleted("AzVolume", "pvc-1");
    const quarantineOf = (volume: AzVolume | undefined): unknown =>
      listIn(volume?.status?.record, "quarantined");

    const nodeC = identity("node-c");
    const quarantineC = (record: WriterRecord): WriterRecord =>
      changedRecord(record, { quarantined: [...listIn(record, "quarantined"), nodeC] });

    it("is written before the object goes, however short it has been missing", () =>
      withTaggedDisk(async (world) => {
        await givenNewQuarantine(world);
        await deletedByHand(world);
        await world.rebuild();
        assert.deepEqual(quarantineOf(world.volume()), [nodeB]);
        await world.keep();
        await world.rebuild();
        assert.deepEqual([world.tagged(), world.volume()?.status], [1, undefined]);
        await world.answerOf(world.clock.sleep(1_000, never));
        await world.rebuild();
        assert.deepEqual(quarantineOf(world.volume()), [nodeB]);
      }));

    const failures: readonly Failure[] = [
      { kind: "Throttled", retryAfterMs: 1_000, detail: "429" },
      { kind: "CloudUnauthorized", code: "AuthorizationFailed", message: "", requestId: "r" },
      noRoom,
    ];
    for (const failure of failures)
      it(`keeps the object until Azure accepts the tags, and reports that: ${failure.kind}`, () =>
        withTaggedDisk(async (world) => {
          await world.given("AzVolume", formattedAndQuarantined);
          await deletedByHand(world);
          world.tagFailure = failure;
          await world.keep();
          await world.rebuild();
          assert.deepEqual(quarantineOf(world.volume()), [nodeB]);
          assert.deepEqual(world.emitted.map(({ reason }) => reason).toSorted(), [
            "DeletedByHand",
            "StateNotKept",
          ]);
          world.tagFailure = undefined;
          await world.keep();
          await world.rebuild();
          assert.equal(world.volume()?.status, undefined);
        }));

    it("keeps the object while the volume is kept from its nodes", () =>
      withTaggedDisk(async (world) => {
        const present = aVolume({ metadata: { finalizers: [VOLUME_FINALIZER] } });
        const kept = withUnmarked(present, { because: "refused", incarnation: 2, nowMs: 0 });
        await world.given("AzVolume", kept ?? assert.fail());
        await deletedByHand(world);
        await world.keep();
        await world.rebuild();
        const deleted = world.volume() ?? assert.fail("no volume");
        assert.equal(isUnmarked(deleted), true);
        const given = withoutUnmarked(deleted, deleted) ?? assert.fail();
        await must(world.ports.store.updateStatus("AzVolume", given, never));
        await world.rebuild();
        assert.equal(world.volume()?.status, undefined);
      }));

    it("is written again where it has changed while it was written", () =>
      withTaggedDisk(async (world) => {
        await world.given("AzVolume", formattedAndQuarantined);
        await deletedByHand(world);
        world.whileTagged = () => world.setRecord(quarantineC);
        await world.keep();
        await world.rebuild();
        assert.deepEqual(quarantineOf(world.volume()), [nodeB, nodeC]);
        await world.keep();
        await world.rebuild();
        await world.answerOf(world.clock.sleep(1_000, never));
        await world.rebuild();
        assert.deepEqual(quarantineOf(world.volume()), [nodeB, nodeC]);
      }));

    it("is checked on the version that is released", () =>
      withTaggedDisk(async (world) => {
        await world.given("AzVolume", formattedAndQuarantined);
        await world.rest();
        await deletedByHand(world);
        await world.rebuild({ beforeFirstWrite: () => world.setRecord(quarantineC) });
        assert.deepEqual(quarantineOf(world.volume()), [nodeB, nodeC]);
      }));

    it("leaves the object to a DeleteVolume call that came since", () =>
      withTaggedDisk(async (world) => {
        await world.given("AzVolume", formattedAndQuarantined);
        await world.rest();
        await deletedByHand(world);
        const mark = async (): Promise<void> => {
          const { spec, ...rest } = world.volume() ?? assert.fail();
          await must(
            world.other.update("AzVolume", { ...rest, spec: { ...spec, deleteRequested: true } }, never),
          );
        };
        await world.rebuild({ beforeFirstWrite: mark });
        assert.deepEqual(
          [world.volume()?.spec.deleteRequested, world.volume()?.metadata.finalizers],
          [true, [VOLUME_FINALIZER]],
        );
      }));

    it("is left to the disk's other tags where nothing is missing", () =>
      withTaggedDisk(async (world) => {
        await world.given("AzVolume", formattedAndQuarantined);
        await world.rest();
        await deletedByHand(world);
        await world.rebuild();
        assert.deepEqual([world.tagged(), world.volume()?.status], [1, undefined]);
      }));
  });
});
