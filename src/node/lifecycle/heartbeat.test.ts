import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AzDriverNode } from "../../core/api/az-driver-node.ts";
import { CONTROLLER_LEASE, HEARTBEAT_DELAY_ANNOTATION } from "../../core/api/lease.ts";
import { fail, ok } from "../../core/failure/result.ts";
import { toTimestamp } from "../../core/primitives/timestamp.ts";
import { aLease } from "../../core/testing/a-lease.ts";
import { aWriter, identity, instanceUriOf } from "../../core/testing/objects.ts";
import { aCheckpoint } from "../../ports/testing/a-checkpoint.ts";
import { silentLogger } from "../../ports/testing/silent-logger.ts";
import type { NodePorts } from "../node-ports.ts";
import { type NodeWorld, withNode } from "../testing/a-node.ts";
import { heartbeatReconciler } from "./heartbeat.ts";

const never = new AbortController().signal;

/** A controller of that name leads, and announces a delay of heartbeats. */
type Lead = (holderIdentity: string, delayMs?: number) => Promise<void>;

async function nodeOf(world: NodeWorld): Promise<AzDriverNode> {
  const node = await world.answerOf(world.store.get("AzDriverNode", "node-a", never));
  assert.ok(node.ok);
  return node.value;
}

/** A store whose AzDriverNodes have no such field: an older definition is installed. */
function withoutDelays(store: NodePorts["store"]): NodePorts["store"] {
  return {
    ...store,
    updateStatus: (kind, object, signal) => {
      const { heartbeatDelayMs: _, ...status } = (object as unknown as AzDriverNode).status ?? {};
      return store.updateStatus(kind, { ...object, status }, signal);
    },
  };
}

/** One heartbeat, and the node's object after it. */
async function beat(world: NodeWorld, ports: NodePorts) {
  const beaten = await world.answerOf(heartbeatReconciler(ports).reconcile("node", never));
  assert.ok(beaten.ok, JSON.stringify(beaten));
  const node = await world.answerOf(world.store.get("AzDriverNode", "node-a", never));
  assert.ok(node.ok);
  return { requeueAfterMs: beaten.value.requeueAfterMs ?? 0, status: node.value.status };
}

describe("heartbeatReconciler", () => {
  it("reports the driver's version, and a new one at once", () =>
    withNode({}, async (world) => {
      const ports = world.ports();
      assert.equal((await beat(world, ports)).status?.driverVersion, ports.settings.driverVersion);
      const upgraded = { ...ports, settings: { ...ports.settings, driverVersion: "9.9.9" } };
      assert.equal((await beat(world, upgraded)).status?.driverVersion, "9.9.9");
    }));

  it("reports its VM size, and learns what Azure lists for it", () =>
    withNode({}, async (world) => {
      const learnt: (number | undefined)[] = [];
      const ports: NodePorts = {
        ...world.ports(),
        node: { ...world.ports().node, vmSize: "Standard_D8s_v7" },
        volumeLimit: { measure: async () => learnt.at(-1) ?? 8, learn: (max) => void learnt.push(max) },
      };
      const reconciler = heartbeatReconciler(ports);
      const next = async (): Promise<AzDriverNode> => {
        assert.ok((await world.answerOf(reconciler.reconcile("node", never))).ok);
        const read = await world.answerOf(world.store.get("AzDriverNode", "node-a", never));
        assert.ok(read.ok);
        return read.value;
      };
      const registered = await next();
      assert.deepEqual([registered.status?.vmSize, registered.status?.maxVolumes], ["Standard_D8s_v7", 8]);
      const limitAfter = async (listed: Partial<AzDriverNode["spec"]>): Promise<number | undefined> => {
        const { status: _, ...present } = await next();
        const spec = { ...present.spec, ...listed };
        assert.ok((await world.answerOf(world.store.update("AzDriverNode", { ...present, spec }, never))).ok);
        return (await next()).status?.maxVolumes;
      };
      // An earlier VM of the node's name had another size, or this one was resized.
      assert.equal(await limitAfter({ vmSize: "Standard_D64s_v7", dataDisksMax: 64 }), 8);
      assert.equal(await limitAfter({ vmSize: "Standard_D8s_v7", dataDisksMax: 26 }), 26);
    }));

  it("registers the node with its VM and its volume limit, 0 included", () =>
    withNode({}, async (world) => {
      const ports: NodePorts = {
        ...world.ports(),
        volumeLimit: { measure: async () => 0, learn: () => undefined },
      };
      const { status, requeueAfterMs } = await beat(world, ports);
      const { heartbeat, maxVolumes, zone, location, vmId, instanceUri, conditions } = status ?? {};
      assert.deepEqual(
        { heartbeat, maxVolumes, zone, location, vmId, instanceUri, conditions },
        {
          heartbeat: 1,
          maxVolumes: 0,
          zone: "1",
          location: "eastus",
          vmId: "vm-of-node-a",
          instanceUri: instanceUriOf("node-a"),
          conditions: [],
        },
      );
      assert.ok(requeueAfterMs > 9_000 && requeueAfterMs <= 10_000, "all nodes beat at once");
      assert.equal((await beat(world, ports)).status?.heartbeat, 2);
    }));

  it("reads its object only if another client has changed or deleted it", () =>
    withNode({}, async (world) => {
      let reads = 0;
      const ports = world.ports();
      const { store } = ports;
      const counting: NodePorts = {
        ...ports,
        store: {
          ...store,
          get: (kind, name, signal) => (
            (reads += kind === "AzDriverNode" ? 1 : 0),
            store.get(kind, name, signal)
          ),
        },
      };
      const heartbeat = heartbeatReconciler(counting);
      const beats = async (): Promise<number> => {
        assert.ok((await world.answerOf(heartbeat.reconcile("node", never))).ok);
        const node = await world.answerOf(world.store.get("AzDriverNode", "node-a", never));
        return node.ok ? (node.value.status?.heartbeat ?? 0) : 0;
      };
      assert.deepEqual([await beats(), await beats(), await beats(), reads], [1, 2, 3, 1]);
      assert.ok((await world.answerOf(world.store.delete("AzDriverNode", "node-a", {}, never))).ok);
      assert.deepEqual([await beats(), await beats(), reads], [4, 5, 2]);
      const present = await world.answerOf(world.store.get("AzDriverNode", "node-a", never));
      assert.ok(present.ok && present.value.status !== undefined);
      const older = { ...present.value, status: { ...present.value.status, heartbeat: 2 } };
      assert.ok((await world.answerOf(world.store.updateStatus("AzDriverNode", older, never))).ok);
      assert.deepEqual([await beats(), reads], [6, 3]);
      const noticed = await world.answerOf(world.store.get("AzDriverNode", "node-a", never));
      assert.deepEqual(noticed.ok && noticed.value.status?.conditions.map(({ type }) => type), [
        "StoreRolledBack",
      ]);
    }));

  describe("where the Lease says that heartbeats may come 50 s later", () => {
    /** Runs a node's heartbeat as its loop does, under leaders that say so. */
    async function withDelay(
      act: (
        world: NodeWorld,
        lives: (ms: number) => Promise<number>,
        lead: Lead,
        ports: NodePorts,
      ) => Promise<void>,
      change: (ports: NodePorts) => NodePorts = (ports) => ports,
    ): Promise<void> {
      await withNode({}, async (world) => {
        const ports = change(world.ports());
        const reconciler = heartbeatReconciler(ports);
        const { clock, store, answerOf } = world;
        let nextAtMs = clock.elapsedMs();
        /** Lets time pass, and answers the counter after it. */
        const lives = async (ms: number): Promise<number> => {
          const endsAtMs = clock.elapsedMs() + ms;
          while (nextAtMs < endsAtMs) {
            await answerOf(clock.sleep(Math.max(0, nextAtMs - clock.elapsedMs()), never));
            const beaten = await answerOf(reconciler.reconcile("node", never));
            assert.ok(beaten.ok, JSON.stringify(beaten));
            nextAtMs = clock.elapsedMs() + (beaten.value.requeueAfterMs ?? 0);
          }
          await answerOf(clock.sleep(Math.max(0, endsAtMs - clock.elapsedMs()), never));
          return (await nodeOf(world)).status?.heartbeat ?? 0;
        };
        const lead: Lead = async (holderIdentity, delayMs = 50_000) => {
          const { metadata, spec } = aLease({ spec: { holderIdentity } });
          const annotations = { ...metadata.annotations, [HEARTBEAT_DELAY_ANNOTATION]: String(delayMs) };
          await answerOf(store.delete("Lease", CONTROLLER_LEASE, {}, never));
          const made = { metadata: { name: CONTROLLER_LEASE, annotations }, spec };
          assert.ok((await answerOf(store.create("Lease", made, never))).ok);
        };
        await lead("a");
        await act(world, lives, lead, ports);
      });
    }

    it("writes one within 60 s, and states so with it", () =>
      withDelay(async (world, lives) => {
        assert.equal(await lives(1_000), 1);
        assert.equal((await nodeOf(world)).status?.heartbeatDelayMs, 50_000);
        assert.equal(await lives(48_000), 1);
        assert.equal(await lives(12_000), 2);
      }));

    it("never keeps to more than 2 minutes, which the API server would refuse", () =>
      withDelay(async (world, lives, lead) => {
        await lead("a", 3_600_000);
        await lives(1_000);
        assert.equal((await nodeOf(world)).status?.heartbeatDelayMs, 120_000);
      }));

    it("reports disputes, rollbacks, and what its object lacks at its next interval", () =>
      withDelay(async (world, lives, _lead, ports) => {
        assert.equal(await lives(1_000), 1);
        ports.disputes.set("pvc-1", "node-b has reclaimed pvc-1");
        assert.equal(await lives(10_000), 2);
        const silenced = await nodeOf(world);
        assert.ok(silenced.status !== undefined);
        const status = { ...silenced.status, readyForVolumeAllocation: false };
        assert.ok(
          (await world.answerOf(world.store.updateStatus("AzDriverNode", { ...silenced, status }, never))).ok,
        );
        assert.equal(await lives(10_000), 3);
        assert.equal((await nodeOf(world)).status?.readyForVolumeAllocation, true);
        assert.ok((await world.answerOf(world.store.delete("AzDriverNode", "node-a", {}, never))).ok);
        assert.equal(await lives(10_000), 4);
        await ports.checkpoints.putHeartbeat({ heartbeat: 9, vmId: identity("node-a").vmId }, never);
        assert.equal(await lives(10_000), 10);
        assert.deepEqual(
          (await nodeOf(world)).status?.conditions.map(({ type }) => type),
          ["StoreRolledBack", "ReclaimDisputed"],
        );
      }));

    it("sends one at once to a new leader, which waits for it", () =>
      withDelay(async (_world, lives, lead) => {
        assert.equal(await lives(1_000), 1);
        await lead("b");
        assert.equal(await lives(10_000), 2);
        assert.equal(await lives(30_000), 2);
        await lead("");
        assert.equal(await lives(10_000), 2, "no controller has led since");
      }));

    it("keeps to its interval where the API server does not know the delay", () =>
      withDelay(
        async (_world, lives) => {
          assert.equal(await lives(1_000), 1);
          assert.equal(await lives(30_000), 4);
        },
        (ports) => ({ ...ports, store: withoutDelays(ports.store) }),
      ));
  });

  it("shows a volume that another node has reclaimed under a pod here while that lasts", () =>
    withNode({}, async (world) => {
      const ports = world.ports();
      ports.disputes.set("pvc-1", "node-b has reclaimed pvc-1");
      const [condition] = (await beat(world, ports)).status?.conditions ?? [];
      assert.deepEqual(
        [condition?.type, condition?.status, condition?.message],
        ["ReclaimDisputed", "True", "node-b has reclaimed pvc-1"],
      );
      assert.deepEqual(
        (await beat(world, ports)).status?.conditions,
        [condition],
        "its time of transition stays",
      );
      ports.disputes.clear();
      assert.deepEqual((await beat(world, ports)).status?.conditions, []);
    }));

  it("reports no epoch that the API server would refuse", () =>
    withNode({}, async (world) => {
      const ports = world.ports();
      const volumes: typeof ports.checkpoints.volumes = () => [
        aCheckpoint({ epoch: Number.MAX_SAFE_INTEGER }),
      ];
      const { status } = await beat(world, {
        ...ports,
        checkpoints: { ...ports.checkpoints, volumes, heartbeat: () => ports.checkpoints.heartbeat() },
      });
      assert.deepEqual(status?.volumes, [{ volumeName: "pvc-1", uid: "uid-pvc-1", epoch: 2 ** 52 }]);
    }));

  it("reports a checkpoint made on another VM with that VM's GUID", () =>
    withNode({}, async (world) => {
      const ports = world.ports();
      const { vmId, instanceUri } = ports.node;
      const moved = { vmId: vmId.toUpperCase(), instanceUri: "/moved" };
      const other = { vmId: "vm-of-another", instanceUri };
      const volumes: typeof ports.checkpoints.volumes = () => [
        aCheckpoint({ volumeName: "own", vm: moved }),
        aCheckpoint({ volumeName: "copied", vm: other }),
      ];
      const { status } = await beat(world, {
        ...ports,
        checkpoints: { ...ports.checkpoints, volumes, heartbeat: () => ports.checkpoints.heartbeat() },
      });
      assert.deepEqual(
        status?.volumes.map(({ volumeName, checkpointedOn }) => [volumeName, checkpointedOn]),
        [
          ["own", undefined],
          ["copied", other],
        ],
      );
    }));

  it("warns once where its checkpoints are gone and its last heartbeat named volumes", () =>
    withNode({}, async (world) => {
      const warned: unknown[] = [];
      const ports: NodePorts = {
        ...world.ports(),
        logger: { ...silentLogger, warn: (message, fields) => warned.push([message, fields?.["volumes"]]) },
      };
      const { checkpoints, node } = ports;
      const before: NodePorts["checkpoints"] = {
        ...checkpoints,
        volumes: () => [aCheckpoint()],
        putHeartbeat: async () => ok(undefined),
      };
      const gone: NodePorts["checkpoints"] = { ...checkpoints, putHeartbeat: before.putHeartbeat };
      const expectWarned = async (own: NodePorts, expected: readonly unknown[]): Promise<void> => {
        await beat(world, own);
        assert.deepEqual(warned.splice(0), expected);
      };
      await expectWarned({ ...ports, checkpoints: before }, []);
      // Another VM has the name of the node by now.
      await expectWarned({ ...ports, checkpoints: gone, node: { ...node, vmId: "vm-of-another" } }, []);
      await expectWarned({ ...ports, checkpoints: before }, []);
      // Its pods ended while the API server was not reached.
      await expectWarned({ ...ports, checkpoints: { ...gone, heartbeat: () => 1 } }, []);
      await expectWarned({ ...ports, checkpoints: before }, []);
      const message = "the node's checkpoints are gone, and its last heartbeat named volumes";
      await expectWarned({ ...ports, checkpoints: gone }, [[message, ["pvc-1"]]]);
      await expectWarned({ ...ports, checkpoints: gone }, []);
    }));

  it("reports a rollback by its own counter, and lists everything again", () =>
    withNode({}, async (world) => {
      let listed = 0;
      const ports = world.ports();
      const watching: NodePorts = { ...ports, cache: { ...ports.cache, listAgain: () => void listed++ } };
      await beat(world, watching);
      await ports.checkpoints.putHeartbeat({ heartbeat: 7, vmId: identity("node-a").vmId }, never);
      const first = await beat(world, watching);
      assert.deepEqual(
        [first.status?.heartbeat, first.status?.conditions.map(({ type, status }) => `${type} ${status}`)],
        [8, ["StoreRolledBack True"]],
      );
      await beat(world, watching);
      assert.equal(listed, 1, "it is noticed once");
    }));

  for (const disk of ["takes changes", "takes none any more"])
    it(`reports a rollback where a record is older than its checkpoint; its root disk ${disk}`, () =>
      withNode({ writer: aWriter("node-a") }, async (world) => {
        const ports = world.ports();
        const uid = ports.cache.get("AzVolume", "pvc-1")?.metadata.uid ?? "";
        await ports.checkpoints.put(aCheckpoint({ uid, epoch: 5 }), never);
        const refuse = async () => fail({ kind: "HostNotReady", detail: "EROFS" } as const);
        const checkpoints = { ...ports.checkpoints, putRollback: refuse, putHeartbeat: refuse };
        const { status } = await beat(world, disk === "takes changes" ? ports : { ...ports, checkpoints });
        assert.deepEqual(
          status?.conditions.map(({ message }) => message),
          ["pvc-1 is at epoch 1, this node's checkpoint at 5"],
        );
        assert.equal(ports.checkpoints.rollbackIncarnation(), disk === "takes changes" ? 0 : undefined);
      }));

  it("is not ready while its root disk takes no change, and says so at once", () =>
    withNode({ writer: aWriter("node-a") }, async (world) => {
      const reconciler = heartbeatReconciler(world.ports());
      const next = async () => {
        const beaten = await world.answerOf(reconciler.reconcile("node", never));
        assert.ok(beaten.ok);
        const { readyForVolumeAllocation, statusMessage, conditions } = (await nodeOf(world)).status ?? {};
        const again = beaten.value.requeueAfterMs === 0 ? "at once" : "later";
        return { again, isReady: readyForVolumeAllocation, statusMessage, conditions };
      };
      const ready = { isReady: true, statusMessage: "the node plug-in is ready", conditions: [] };
      assert.deepEqual(await next(), { again: "later", ...ready });
      const before = world.record();
      world.rootDisk.fault = { kind: "HostNotReady", detail: "EROFS: replace the disk" };
      assert.deepEqual(await next(), { again: "at once", ...ready });
      const said = "this node is not ready: EROFS: replace the disk";
      const condition = {
        type: "CheckpointsUnwritten",
        status: "True",
        reason: "HostNotReady",
        message: said,
        lastTransitionTime: toTimestamp(world.clock.nowMs()),
      };
      const unready = { again: "later", isReady: false, statusMessage: said, conditions: [condition] };
      assert.deepEqual(await next(), unready);
      await world.clock.advance(60_000);
      assert.deepEqual(await next(), unready);
      assert.deepEqual(
        world.emitted.map(({ about, reason, message }) => [about, reason, message]),
        [
          [
            { kind: "Node", name: "node-a" },
            "CheckpointsUnwritten",
            `no further volume is staged on node-a: ${said}`,
          ],
        ],
      );
      world.rootDisk.fault = undefined;
      assert.deepEqual((await next()).isReady, false);
      assert.deepEqual(await next(), { again: "later", ...ready });
      assert.deepEqual(world.record(), before);
    }));

  it("checkpoints the next heartbeat after one that threw", () =>
    withNode({ writer: aWriter("node-a") }, async (world) => {
      const ports = world.ports();
      const begun: number[] = [];
      const putHeartbeat: NodePorts["checkpoints"]["putHeartbeat"] = async (counted, signal) => {
        begun.push(counted.heartbeat);
        if (begun.length === 1) throw new Error("a bug");
        return ports.checkpoints.putHeartbeat(counted, signal);
      };
      const reconciler = heartbeatReconciler({
        ...ports,
        checkpoints: { ...ports.checkpoints, putHeartbeat },
      });
      await assert.rejects(world.answerOf(reconciler.reconcile("node", never)), /a bug/u);
      assert.ok((await world.answerOf(reconciler.reconcile("node", never))).ok);
      assert.deepEqual([begun, ports.checkpoints.heartbeat()], [[1, 2], 2]);
    }));

  it("keeps to its interval beside a root disk that is slow with many calls", () =>
    withNode({ writer: aWriter("node-a") }, async (world) => {
      const ports = world.ports();
      const slow = Promise.withResolvers<void>();
      const begun: number[] = [];
      const putHeartbeat: NodePorts["checkpoints"]["putHeartbeat"] = async (counted, signal) => {
        begun.push(counted.heartbeat);
        await slow.promise;
        return ports.checkpoints.putHeartbeat(counted, signal);
      };
      const reconciler = heartbeatReconciler({
        ...ports,
        checkpoints: { ...ports.checkpoints, putHeartbeat },
      });
      const beatWithin = async (): Promise<number | undefined> => {
        const startMs = world.clock.elapsedMs();
        const beaten = await world.answerOf(reconciler.reconcile("node", never));
        const nextMs = world.clock.elapsedMs() + (beaten.ok ? (beaten.value.requeueAfterMs ?? 0) : Infinity);
        assert.ok(nextMs - startMs <= ports.settings.heartbeatMs, `${nextMs - startMs} ms`);
        return (await nodeOf(world)).status?.heartbeat;
      };
      assert.deepEqual([await beatWithin(), await beatWithin(), begun], [1, 2, [1]]);
      slow.resolve();
      assert.deepEqual([await beatWithin(), await beatWithin()], [3, 4]);
      assert.deepEqual([begun, ports.checkpoints.heartbeat()], [[1, 3, 4], 4]);
    }));
});
