import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AzVolumeAttachment, MountProblem } from "../../core/api/az-volume-attachment.ts";
import type { WriterRecord } from "../../core/api/az-volume.ts";
import { attachmentObjectName } from "../../core/api/object-names.ts";
import { withoutUnrequestedTime } from "../../core/attachment/plan-unrequested-time.ts";
import { fail, ok } from "../../core/failure/result.ts";
import { toTimestamp } from "../../core/primitives/timestamp.ts";
import { aPlacement } from "../../core/schedule/testing/placement.ts";
import type { VolumePod } from "../../core/schedule/volume-pod.ts";
import {
  aDiskSpec,
  agoMs,
  aDetail,
  anAttachment,
  aPod,
  aRecord,
  aReplica,
  attachmentName,
  aVolume,
  aVolumeWithRecord,
  aWriter,
  diskUri,
  identity,
  leaving,
  settings,
} from "../../core/testing/objects.ts";
import { type RecordChanges, changedRecord } from "../../core/testing/record-lists.ts";
import { must } from "../../core/testing/value-of.ts";
import { MOUNT_UNHEALTHY } from "../../core/writer/plan-conditions.ts";
import { release } from "../../core/writer/record/writer-steps.ts";
import type { VolumeUsers } from "../../ports/cluster/volume-users.ts";
import type { ObjectStore } from "../../ports/store/object-store.ts";
import type { Reconciled } from "../../runtime/queue/control-loop.ts";
import { observeVolume } from "../observe-volume.ts";
import { aCluster } from "../testing/a-cluster.ts";
import { asksNothing, type ReconcileWorld, withControllerPorts } from "../testing/a-controller.ts";
import { aDriverNode } from "../testing/a-driver-node.ts";
import { volumeReconciler } from "./volume-reconciler.ts";

const never = new AbortController().signal;
const offlineResize = {
  type: "OfflineResize",
  status: "True",
  reason: "SharedDisk",
  message: "",
  lastTransitionTime: agoMs(0),
} as const;

/** A pass that asks Azure about no VM. */
function reconcile({ ports, answerOf }: ReconcileWorld): Promise<unknown> {
  return answerOf(volumeReconciler({ ...ports, settings }, asksNothing).reconcile("pvc-1", never));
}

/** Two nodes, of which node-a writes and node-b has a replica that is one too many. */
async function givenSurplusReplica(world: ReconcileWorld): Promise<void> {
  for (const nodeName of ["node-a", "node-b"]) await world.given("AzDriverNode", aDriverNode(nodeName));
  await world.given(
    "AzVolume",
    aVolumeWithRecord({ writer: aWriter("node-a") }, { maxMountReplicaCount: 0 }),
  );
  await world.given("AzVolumeAttachment", anAttachment("node-a"));
  await world.given("AzVolumeAttachment", aReplica("node-b"));
}

describe("volumeReconciler", () => {
  it("keeps conditions that another loop has written, before the cache shows them", () =>
    withControllerPorts(async (world) => {
      await world.given("AzDriverNode", aDriverNode("node-a"));
      await world.given("AzVolume", aVolumeWithRecord({ writer: aWriter("node-a") }));
      await world.given("AzVolumeAttachment", anAttachment("node-a"));
      world.store.holdWatches(true);
      const present = await world.other.get("AzVolume", "pvc-1", never);
      assert.ok(present.ok && present.value.status !== undefined);
      await world.other.updateStatus(
        "AzVolume",
        { ...present.value, status: { ...present.value.status, conditions: [offlineResize] } },
        never,
      );
      await reconcile(world);
      const conditions = world.volume()?.status?.conditions ?? [];
      assert.deepEqual(
        conditions.map(({ type }) => type),
        ["OfflineResize", "FailoverReady"],
      );
      assert.deepEqual(conditions[0], offlineResize);
    }));

  it("comes back at once where another loop's conditions have overtaken its own", () =>
    withControllerPorts(async (world) => {
      for (const nodeName of ["node-a", "node-b"]) await world.given("AzDriverNode", aDriverNode(nodeName));
      await world.given("AzVolume", aVolumeWithRecord({ writer: aWriter("node-a") }));
      await world.given("AzVolumeAttachment", anAttachment("node-a"));
      const { store } = world.ports;
      const create: ObjectStore["create"] = async (...args) => {
        const present = await must(world.other.get("AzVolume", "pvc-1", never));
        const status = { ...(present.status ?? assert.fail("no status")), conditions: [offlineResize] };
        await must(store.updateStatus("AzVolume", { ...present, status }, never));
        return store.create(...args);
      };
      const loop = volumeReconciler({ ...world.ports, settings, store: { ...store, create } }, asksNothing);
      // No loop takes conditions for a change that the volume has to be planned for.
      assert.deepEqual(await world.answerOf(loop.reconcile("pvc-1", never)), ok({ requeueAfterMs: 0 }));
      await world.answerOf(loop.reconcile("pvc-1", never));
      const types = (world.volume()?.status?.conditions ?? []).map(({ type }) => type);
      assert.deepEqual(types, ["OfflineResize", "FailoverReady"]);
    }));

  it("deletes no replica that has become the primary, before the cache shows it", () =>
    withControllerPorts(async (world) => {
      await givenSurplusReplica(world);
      world.store.holdWatches(true);
      const replica = world.attachment("node-b");
      assert.ok(replica !== undefined);
      await world.other.update(
        "AzVolumeAttachment",
        { ...replica, spec: anAttachment("node-b").spec },
        never,
      );
      await reconcile(world);
      assert.equal(world.attachment("node-b")?.metadata.deletionTimestamp, undefined);
    }));

  it("deletes no attachment whose node may write by now, before the cache shows it", () =>
    withControllerPorts(async (world) => {
      await givenSurplusReplica(world);
      world.store.holdWatches(true);
      await world.setRecord(({ writer: _, ...record }) =>
        changedRecord(record, { defaultAccess: "quarantined", unverified: [identity("node-b")] }),
      );
      await reconcile(world);
      assert.equal(world.attachment("node-b")?.metadata.deletionTimestamp, undefined);
    }));

  it("keeps old replicas when the writer is fenced, and prunes them without a request", () =>
    withControllerPorts(async (world) => {
      for (const nodeName of ["node-a", "node-b"]) await world.given("AzDriverNode", aDriverNode(nodeName));
      const old = { metadata: { creationTimestamp: agoMs(86_400_000) } };
      // The fence has ended: the fenced writer's attachment is gone, with its status.
      await world.given(
        "AzVolume",
        aVolumeWithRecord({ quarantined: [identity("node-a")] }, { maxMountReplicaCount: 1 }),
      );
      await world.given("AzVolumeAttachment", aReplica("node-b", old));
      let pods: readonly VolumePod[] = [aPod({ nodeName: "" })];
      const users: VolumeUsers = { ...world.ports.users, cachedPods: () => pods };
      const reconcile = async (): Promise<unknown> => {
        const done = await world.answerOf(
          volumeReconciler({ ...world.ports, users, settings }, asksNothing).reconcile("pvc-1", never),
        );
        await world.clock.advance(1_000);
        return done;
      };
      const isKept = (): boolean => world.attachment("node-b")?.metadata.deletionTimestamp === undefined;

      await reconcile();
      assert.equal(world.volume()?.status?.unrequestedSince, undefined, "a pod waits");
      pods = [];
      const since = toTimestamp(world.clock.nowMs());
      assert.deepEqual(await reconcile(), {
        ok: true,
        value: { requeueAfterMs: settings.pruneReplicasAfterMs },
      });
      assert.deepEqual([isKept(), world.volume()?.status?.unrequestedSince], [true, since]);
      await world.clock.advance(settings.pruneReplicasAfterMs - 2_000);
      await reconcile();
      assert.ok(isKept(), "not yet");
      await reconcile();
      assert.ok(!isKept());
    }));

  it("prunes no replica of a volume that was requested, before the cache shows it", () =>
    withControllerPorts(async (world) => {
      for (const nodeName of ["node-a", "node-b"]) await world.given("AzDriverNode", aDriverNode(nodeName));
      await world.given("AzVolume", aVolume({ status: { unrequestedSince: "2025-12-31T00:00:00.000Z" } }));
      await world.given("AzVolumeAttachment", aReplica("node-b"));
      world.store.holdWatches(true);
      const present = await world.other.get("AzVolume", "pvc-1", never);
      assert.ok(present.ok && present.value.status !== undefined);
      await world.other.updateStatus(
        "AzVolume",
        { ...present.value, status: withoutUnrequestedTime(present.value.status) },
        never,
      );
      await reconcile(world);
      assert.equal(world.attachment("node-b")?.metadata.deletionTimestamp, undefined);
    }));

  it("keeps the replica of a node that left quarantine, before the cache shows it", () =>
    withControllerPorts(async (world) => {
      const inQuarantine = aRecord({ quarantined: [identity("node-b")] });
      for (const nodeName of ["node-a", "node-b"]) await world.given("AzDriverNode", aDriverNode(nodeName));
      await world.given("AzVolume", aVolumeWithRecord(inQuarantine));
      await world.given("AzVolumeAttachment", aReplica("node-b"));
      const users: VolumeUsers = { ...world.ports.users, cachedPods: () => [aPod({ nodeName: "node-b" })] };
      const reconcile = (): Promise<unknown> =>
        world.answerOf(
          volumeReconciler({ ...world.ports, users, settings }, asksNothing).reconcile("pvc-1", never),
        );
      const isKept = (): boolean => world.attachment("node-b")?.metadata.deletionTimestamp === undefined;
      const record = async (change: WriterRecord): Promise<void> => {
        const present = await world.other.get("AzVolume", "pvc-1", never);
        assert.ok(present.ok && present.value.status !== undefined);
        const status = { ...present.value.status, record: change };
        assert.ok((await world.other.updateStatus("AzVolume", { ...present.value, status }, never)).ok);
      };
      world.store.holdWatches(true);
      await record(aRecord({ clean: [identity("node-b")] }));
      assert.deepEqual(await reconcile(), { ok: true, value: { requeueAfterMs: 1_000 } });
      assert.ok(isKept());
      await record(inQuarantine);
      await reconcile();
      assert.ok(!isKept());
    }));

  it("keeps the replica of a node that has come back, before the cache shows it", () =>
    withControllerPorts(async (world) => {
      await world.given("AzDriverNode", aDriverNode("node-b"));
      await world.given("AzVolume", aVolumeWithRecord({ quarantined: [identity("node-a")] }));
      await world.given("AzVolumeAttachment", aReplica("node-b"));
      world.gone.add("node-b");
      const clusterVolumes = aCluster([]);
      const reconcile = (): Promise<unknown> =>
        world.answerOf(
          volumeReconciler({ ...world.ports, clusterVolumes, settings }, asksNothing).reconcile(
            "pvc-1",
            never,
          ),
        );
      const isKept = (): boolean => world.attachment("node-b")?.metadata.deletionTimestamp === undefined;
      for (const presence of ["present", "unknown"] as const) {
        clusterVolumes.presence.set("node-b", presence);
        assert.deepEqual(
          [await reconcile(), isKept()],
          [{ ok: true, value: { requeueAfterMs: 1_000 } }, true],
          presence,
        );
      }
      clusterVolumes.presence.set("node-b", "gone");
      await reconcile();
      assert.ok(!isKept());
    }));

  it("replaces the replica of a node without AzDriverNode after a minute", () =>
    withControllerPorts(async (world) => {
      const { metadata, ...registered } = aDriverNode("node-b");
      const deletable = { ...registered, metadata: { ...metadata, finalizers: [] } };
      await world.given("AzDriverNode", aDriverNode("node-a"));
      await world.given("AzDriverNode", deletable);
      await world.given("AzVolume", aVolumeWithRecord({ writer: aWriter("node-a") }));
      await world.given("AzVolumeAttachment", anAttachment("node-a"));
      await world.given("AzVolumeAttachment", aReplica("node-b"));
      const reconcile = (): Promise<unknown> =>
        world.answerOf(volumeReconciler({ ...world.ports, settings }, asksNothing).reconcile("pvc-1", never));
      const isKept = (): boolean => world.attachment("node-b")?.metadata.deletionTimestamp === undefined;
      const passHeartbeats = async (count: number): Promise<void> => {
        for (let beats = 0; beats < count; beats++) {
          await world.clock.advance(10_000);
          await world.beat("node-a");
        }
      };
      assert.ok((await world.answerOf(world.other.delete("AzDriverNode", "node-b", {}, never))).ok);
      await passHeartbeats(5);
      await reconcile();
      assert.ok(isKept(), "not for a minute yet");
      await passHeartbeats(2);
      world.store.holdWatches(true);
      await must(
        world.other.create("AzDriverNode", { metadata: { name: "node-b" }, spec: registered.spec }, never),
      );
      assert.deepEqual(
        [await reconcile(), isKept()],
        [{ ok: true, value: { requeueAfterMs: 1_000 } }, true],
        "it is registered again",
      );
      await must(world.other.delete("AzDriverNode", "node-b", {}, never));
      await reconcile();
      assert.ok(!isKept());
    }));

  describe("where a disk has two shares and three attachments", () => {
    /** Reconciles on a cache that does not show `change`. The replica on node-a is the first candidate. */
    const trim = (
      expected: unknown,
      change: (world: ReconcileWorld) => Promise<Partial<ObjectStore>>,
      record: RecordChanges = {},
    ): Promise<void> =>
      withControllerPorts(async (world) => {
        await world.given(
          "AzVolume",
          aVolumeWithRecord(record, { disk: aDiskSpec({ maxShares: 2 }), maxMountReplicaCount: 1 }),
        );
        for (const nodeName of ["node-a", "node-c"])
          await world.given("AzVolumeAttachment", aReplica(nodeName));
        await world.given("AzVolumeAttachment", anAttachment("node-b", { status: undefined }));
        world.store.holdWatches(true);
        const store = { ...world.ports.store, ...(await change(world)) };
        const reconciler = volumeReconciler({ ...world.ports, store, settings }, asksNothing);
        const answer = await world.answerOf(reconciler.reconcile("pvc-1", never));
        const isKept = world.attachment("node-a")?.metadata.deletionTimestamp === undefined;
        assert.deepEqual({ answer, isKept }, expected);
      });

    for (const nodeName of ["node-b", "node-c"])
      it(`deletes no replica while the cache does not show that ${nodeName} is leaving`, () =>
        trim({ answer: ok({ requeueAfterMs: 1_000 }), isKept: true }, async ({ other }) => {
          assert.ok((await other.delete("AzVolumeAttachment", attachmentName(nodeName), {}, never)).ok);
          return {};
        }));

    it("deletes no replica while the cache does not show that another is gone", () =>
      trim({ answer: ok({ requeueAfterMs: 1_000 }), isKept: true }, async ({ attachment, other }) => {
        const replica = attachment("node-c");
        assert.ok(replica !== undefined);
        const metadata = { ...replica.metadata, finalizers: [] };
        assert.ok((await other.update("AzVolumeAttachment", { ...replica, metadata }, never)).ok);
        assert.ok((await other.delete("AzVolumeAttachment", metadata.name, {}, never)).ok);
        return {};
      }));

    it("deletes no replica while the cache does not show that a primary is a replica now", () =>
      trim({ answer: ok({ requeueAfterMs: 1_000 }), isKept: true }, async ({ attachment, other }) => {
        const primary = attachment("node-b");
        assert.ok(primary !== undefined);
        await must(other.update("AzVolumeAttachment", { ...primary, spec: aReplica("node-b").spec }, never));
        return {};
      }));

    it("deletes no replica in the pass that revokes the grant of another one's node", () =>
      trim({ answer: ok({ requeueAfterMs: 1_000 }), isKept: true }, () => Promise.resolve({}), {
        writer: aWriter("node-c", { held: false, requested: false }),
      }));

    it("deletes no replica while the store does not answer whether the others stay", () => {
      const failure = { kind: "StoreUnavailable", detail: "test" } as const;
      return trim({ answer: fail(failure), isKept: true }, async ({ ports: { store } }) => ({
        get: async (kind, name, signal) =>
          name === attachmentName("node-c") ? fail(failure) : store.get(kind, name, signal),
      }));
    });

    it("deletes one replica where all others stay", () =>
      trim({ answer: ok({}), isKept: false }, () => Promise.resolve({})));
  });

  it("reports what they wait for to the pods of the requesting nodes only", () =>
    withControllerPorts(async (world) => {
      for (const nodeName of ["node-a", "node-b"]) await world.given("AzDriverNode", aDriverNode(nodeName));
      await world.given(
        "AzVolume",
        aVolumeWithRecord({ writer: aWriter("node-a") }, { maxMountReplicaCount: 0 }),
      );
      for (const nodeName of ["node-a", "node-b"])
        await world.given("AzVolumeAttachment", anAttachment(nodeName));
      const users = {
        ...world.ports.users,
        cachedOn: () => ({ kind: "used", users: ["pod default/db-0"] }) as const,
      };
      await world.answerOf(
        volumeReconciler({ ...world.ports, users }, asksNothing).reconcile("pvc-1", never),
      );
      const message =
        "node-b waits for the volume to be released by node-a, where pod default/db-0 still uses it";
      assert.deepEqual(world.emitted, [
        {
          about: { kind: "AzVolume", name: "pvc-1" },
          reason: "WaitingForWriter",
          message,
          waitingOn: ["node-b"],
        },
      ]);
    }));

  it("places a replica near the pods' other volumes, and reports why others are not", () =>
    withControllerPorts(async (world) => {
      for (const nodeName of ["node-a", "node-b", "node-c", "node-d"])
        await world.given("AzDriverNode", aDriverNode(nodeName));
      await world.given(
        "AzVolume",
        aVolumeWithRecord(
          { writer: aWriter("node-a") },
          { disk: aDiskSpec({ maxShares: 5 }), maxMountReplicaCount: 3 },
        ),
      );
      await world.given("AzVolumeAttachment", anAttachment("node-a"));
      const otherUri = `${diskUri}-2`;
      await world.given(
        "AzVolume",
        aVolume({ metadata: { name: "pvc-2" }, status: { detail: aDetail({ diskUri: otherUri }) } }),
      );
      await world.given(
        "AzVolumeAttachment",
        aReplica("node-c", {
          metadata: { name: attachmentObjectName({ diskUri: otherUri, nodeName: "node-c" }) },
          spec: { volumeName: "pvc-2", volumeId: otherUri },
        }),
      );
      const tainted = [{ key: "dedicated", value: "gpu", effect: "NoSchedule" }];
      const users: VolumeUsers = {
        ...world.ports.users,
        cachedNode: (nodeName) => ({
          ...world.ports.users.cachedNode(nodeName),
          taints: nodeName === "node-d" ? tainted : [],
        }),
        cachedPlacement: () => aPlacement(),
        cachedCompanions: () => [otherUri.toUpperCase()],
      };
      const reconcile = (): Promise<unknown> =>
        world.answerOf(volumeReconciler({ ...world.ports, users }, asksNothing).reconcile("pvc-1", never));
      await reconcile();
      assert.deepEqual(world.emitted, [], "a replica that is just being placed is not reported");
      await world.clock.advance(1_000);
      await reconcile();
      const observed = observeVolume({ ...world.ports, users }, "pvc-1");
      assert.deepEqual(observed?.companionCounts(), new Map([["node-c", 1]]));
      assert.deepEqual(
        ["node-b", "node-c", "node-d"].map((nodeName) => world.attachment(nodeName)?.spec.role),
        ["Replica", "Replica", undefined],
      );
      const because =
        "node-a, node-b, node-c: has an attachment already; " +
        "node-d: has a taint that pod default/db-0 does not tolerate: dedicated=gpu:NoSchedule";
      assert.deepEqual(world.emitted, [
        {
          about: { kind: "AzVolume", name: "pvc-1" },
          reason: "ReplicasMissing",
          message: `1 of 3 replicas find no node: ${because}`,
        },
      ]);
    }));

  describe("of a volume that several nodes write", () => {
    const nodeNames = ["node-a", "node-b", "node-c", "node-d"];
    const spec = {
      capabilities: [{ accessMode: "MULTI_NODE_MULTI_WRITER", accessType: "block" }] as const,
      disk: aDiskSpec({ maxShares: 3 }),
      maxMountReplicaCount: 1,
    };
    const given = async (
      world: ReconcileWorld,
      attachments: readonly AzVolumeAttachment[],
    ): Promise<void> => {
      for (const nodeName of nodeNames) await world.given("AzDriverNode", aDriverNode(nodeName));
      const { record: _, ...status } = aVolume({ spec }).status ?? assert.fail("no status");
      await world.given("AzVolume", { ...aVolume({ spec }), status });
      for (const attachment of attachments) await world.given("AzVolumeAttachment", attachment);
    };
    const rolesIn = (world: ReconcileWorld): readonly string[] =>
      nodeNames.flatMap((nodeName) => {
        const attachment = world.attachment(nodeName);
        return attachment === undefined || attachment.metadata.deletionTimestamp !== undefined
          ? []
          : `${nodeName} ${attachment.spec.role}`;
      });

    it("keeps a replica too many for a while, on the node that a pod has left", () =>
      withControllerPorts(async (world) => {
        const users = { ...world.ports.users, cachedPods: () => [] };
        await given(world, [anAttachment("node-a"), aReplica("node-b"), aReplica("node-c")]);
        const { reconcile } = volumeReconciler({ ...world.ports, settings, users }, asksNothing);
        assert.deepEqual(await world.answerOf(reconcile("pvc-1", never)), ok({ requeueAfterMs: 300_000 }));
        assert.deepEqual(rolesIn(world), ["node-a Primary", "node-b Replica", "node-c Replica"]);
        await world.clock.advance(299_999);
        await beat(world);
        assert.deepEqual(await world.answerOf(reconcile("pvc-1", never)), ok({ requeueAfterMs: 10_000 }));
        assert.deepEqual(rolesIn(world), ["node-a Primary", "node-b Replica", "node-c Replica"]);
        await world.clock.advance(1);
        await world.answerOf(reconcile("pvc-1", never));
        assert.deepEqual(rolesIn(world), ["node-a Primary", "node-c Replica"]);
      }));

    it("frees a replica's share for a further node, and says why it is missing", () =>
      withControllerPorts(async (world) => {
        const waiting = anAttachment("node-d", { status: undefined });
        await given(world, [anAttachment("node-a"), anAttachment("node-b"), aReplica("node-c"), waiting]);
        const { reconcile } = volumeReconciler({ ...world.ports, settings }, asksNothing);
        await world.answerOf(reconcile("pvc-1", never));
        assert.deepEqual(rolesIn(world), ["node-a Primary", "node-b Primary", "node-d Primary"]);
        const left = world.attachment("node-d") ?? assert.fail("no attachment");
        const { status } = anAttachment("node-d");
        await world.answerOf(world.other.updateStatus("AzVolumeAttachment", { ...left, status }, never));
        await world.answerOf(reconcile("pvc-1", never));
        assert.deepEqual(world.emitted, [
          {
            about: { kind: "AzVolume", name: "pvc-1" },
            reason: "ReplicasMissing",
            message: "1 of 1 replicas find no node: all 3 shares of the disk are taken",
          },
        ]);
      }));

    /** Each node sends one more heartbeat. */
    async function beat(world: ReconcileWorld): Promise<void> {
      for (const nodeName of nodeNames) {
        const read = await world.answerOf(world.other.get("AzDriverNode", nodeName, never));
        if (!read.ok || read.value.status === undefined) assert.fail("no node");
        const { heartbeat } = read.value.status;
        await world.answerOf(
          world.other.updateStatus(
            "AzDriverNode",
            { ...read.value, status: { ...read.value.status, heartbeat: heartbeat + 1 } },
            never,
          ),
        );
      }
    }
  });

  // By itself the first volume takes a node in a zone without it, and the second one the first node by name.
  it("places the replicas of one pod's volumes on one node, also at the same moment", () =>
    withControllerPorts(async (world) => {
      const zones = { "node-a": "1", "node-b": "1", "node-c": "2", "node-d": "2" };
      for (const [nodeName, zone] of Object.entries(zones))
        await world.given("AzDriverNode", aDriverNode(nodeName, { zone }));
      const otherUri = `${diskUri}-2`;
      const nameOn = (uri: string, nodeName: string): string =>
        attachmentObjectName({ diskUri: uri, nodeName });
      for (const [name, uri] of [
        ["pvc-1", diskUri],
        ["pvc-2", otherUri],
      ] as const) {
        const detail = aDetail({ diskUri: uri, skuName: "Premium_ZRS", zones: [] });
        const status = { detail, record: aRecord({ writer: aWriter("node-a") }) };
        const spec = { maxMountReplicaCount: 1 };
        await world.given("AzVolume", aVolume({ metadata: { name, uid: `uid-${name}` }, spec, status }));
        const attached = {
          metadata: { name: nameOn(uri, "node-a") },
          spec: { volumeName: name, volumeId: uri },
        };
        await world.given("AzVolumeAttachment", anAttachment("node-a", attached));
      }
      const elsewhere = {
        metadata: { name: nameOn(otherUri, "node-d") },
        spec: { volumeName: "pvc-2", volumeId: otherUri },
      };
      await world.given("AzVolumeAttachment", leaving(aReplica("node-d", elsewhere)));
      const users: VolumeUsers = {
        ...world.ports.users,
        cachedPlacement: () => aPlacement(),
        cachedCompanions: (volumeId) => [volumeId === diskUri ? otherUri : diskUri],
      };
      const { reconcile } = volumeReconciler({ ...world.ports, users }, asksNothing);
      await world.answerOf(Promise.all([reconcile("pvc-1", never), reconcile("pvc-2", never)]));
      const placed = world.ports.cache
        .list("AzVolumeAttachment")
        .filter(({ spec, metadata }) => spec.role === "Replica" && metadata.deletionTimestamp === undefined)
        .map(({ spec }) => `${spec.volumeName} on ${spec.nodeName}`);
      assert.deepEqual(placed.toSorted(), ["pvc-1 on node-c", "pvc-2 on node-c"]);
    }));

  it("counts a grant as held once a second, however often a token releases it", () =>
    withControllerPorts(async (world) => {
      const a = identity("node-a");
      world.gone.add("node-a");
      await world.given("AzDriverNode", aDriverNode("node-a"));
      await world.given("AzVolume", aVolumeWithRecord({ writer: aWriter("node-a", { requested: false }) }));
      const loop = volumeReconciler(world.ports, () => {});
      const plan = async (): Promise<unknown> => {
        await world.clock.advance(10);
        return world.answerOf(loop.reconcile("pvc-1", never));
      };
      const releaseAndPlan = async (): Promise<unknown> => {
        await world.setRecord((record) => {
          const released = release(record, a, 1);
          assert.ok(released.ok, JSON.stringify(released));
          return released.value;
        });
        return plan();
      };
      await releaseAndPlan();
      assert.equal(world.record()?.writer?.held, true);
      assert.deepEqual(await releaseAndPlan(), ok({ requeueAfterMs: 990 }));
      const distrusts = (): number => world.steps.filter((step) => step === "distrust").length;
      assert.deepEqual([world.record()?.writer?.held, distrusts()], [false, 1]);
      await world.clock.advance(980);
      await plan();
      assert.deepEqual([world.record()?.writer?.held, distrusts()], [true, 2]);
    }));

  it("writes what a node states of its mount every ten seconds at most", () =>
    withControllerPorts(async (world) => {
      await world.given("AzDriverNode", aDriverNode("node-a"));
      await world.given("AzVolume", aVolumeWithRecord({ writer: aWriter("node-a") }));
      await world.given("AzVolumeAttachment", anAttachment("node-a"));
      const loop = volumeReconciler(world.ports, asksNothing);
      const dead = { reason: "MountDead", epoch: 1, since: "", detail: "" } as const;
      const statesAndPlans = async (mountProblems: readonly MountProblem[]): Promise<Reconciled> => {
        const read = await must(world.other.get("AzVolumeAttachment", attachmentName("node-a"), never));
        const status = { ...(read.status ?? assert.fail("no status")), mountProblems };
        await must(world.other.updateStatus("AzVolumeAttachment", { ...read, status }, never));
        await world.clock.advance(100);
        return world.answerOf(loop.reconcile("pvc-1", never));
      };
      await statesAndPlans([]);
      const isUnhealthy = (): boolean =>
        (world.volume()?.status?.conditions ?? []).some(({ type }) => type === MOUNT_UNHEALTHY);
      const before = world.commits.length;
      await statesAndPlans([dead]);
      assert.equal(isUnhealthy(), true, "at once");
      for (let flip = 0; flip < 10; flip += 1)
        for (const stated of [[], [dead]]) await statesAndPlans(stated);
      assert.equal(world.commits.length - before, 1 + 21, "one write beside those of the node");
      const waits = await statesAndPlans([]);
      assert.ok(waits.ok && waits.value.requeueAfterMs !== undefined);
      assert.equal(isUnhealthy(), true);
      await world.clock.advance(waits.value.requeueAfterMs);
      await world.answerOf(loop.reconcile("pvc-1", never));
      assert.equal(isUnhealthy(), false);
    }));
});
