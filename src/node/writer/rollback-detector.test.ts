import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { NodeStatus } from "../../core/api/az-driver-node.ts";
import type { AzVolume } from "../../core/api/az-volume.ts";
import { CONTROLLER_LEASE } from "../../core/api/lease.ts";
import { fail } from "../../core/failure/result.ts";
import { aLease } from "../../core/testing/a-lease.ts";
import { aRecord, aVolume, aWriter, identity } from "../../core/testing/objects.ts";
import { type RecordChanges } from "../../core/testing/record-lists.ts";
import { must } from "../../core/testing/value-of.ts";
import type { VolumeCheckpoint } from "../../ports/host/node-checkpoints.ts";
import { aCheckpoint } from "../../ports/testing/a-checkpoint.ts";
import { heartbeatReconciler } from "../lifecycle/heartbeat.ts";
import type { NodePorts } from "../node-ports.ts";
import { type NodeWorld, withNode } from "../testing/a-node.ts";
import { releaseVolume } from "./release-volume.ts";
import {
  detectRollback,
  olderThanCheckpoint,
  readCheckpointedVolumes,
  readTrustedIncarnation,
} from "./rollback-detector.ts";

type Condition = NodeStatus["conditions"][number];

const never = new AbortController().signal;
const down = { kind: "StoreUnavailable", detail: "down" } as const;

async function beat(world: NodeWorld): Promise<void> {
  const beaten = await world.answerOf(heartbeatReconciler(world.ports()).reconcile("node", never));
  assert.ok(beaten.ok, JSON.stringify(beaten));
}

async function conditions(world: NodeWorld): Promise<readonly string[]> {
  const node = await world.answerOf(world.store.get("AzDriverNode", "node-a", never));
  return (
    (node.ok ? node.value.status?.conditions : undefined)?.map(({ type, reason }) => `${type} ${reason}`) ??
    []
  );
}

async function trust(world: NodeWorld): Promise<string> {
  const trusted = await world.answerOf(readTrustedIncarnation(world.ports(), never));
  return trusted.ok ? `generation ${trusted.value}` : trusted.failure.kind;
}

/** The node's object in the store shows another state, as after a restored backup. */
async function restore(world: NodeWorld, change: (status: NodeStatus) => NodeStatus): Promise<void> {
  const present = await world.answerOf(must(world.store.get("AzDriverNode", "node-a", never)));
  assert.ok(present.status !== undefined);
  await world.answerOf(
    must(world.store.updateStatus("AzDriverNode", { ...present, status: change(present.status) }, never)),
  );
}

/** The controllers' Lease shows this. */
async function lease(world: NodeWorld, counter: number, incarnation = 0): Promise<void> {
  const {
    metadata: { annotations },
    spec,
  } = aLease({ counter, incarnation });
  const present = await world.answerOf(world.store.get("Lease", CONTROLLER_LEASE, never));
  await world.answerOf(
    must(
      present.ok
        ? world.store.update(
            "Lease",
            { ...present.value, metadata: { ...present.value.metadata, annotations } },
            never,
          )
        : world.store.create("Lease", { metadata: { name: CONTROLLER_LEASE, annotations }, spec }, never),
    ),
  );
}

/** These ports where the node's object can't be read. */
function withoutOwnObject(ports: NodePorts): NodePorts {
  const get: NodePorts["store"]["get"] = async (kind, name, signal) =>
    kind === "AzDriverNode" ? { ok: false, failure: down } : ports.store.get(kind, name, signal);
  return { ...ports, store: { ...ports.store, get } };
}

describe("readTrustedIncarnation", () => {
  it("distrusts a store with an older heartbeat at once, before the next heartbeat", () =>
    withNode({}, async (world) => {
      await beat(world);
      await beat(world);
      assert.equal(await trust(world), "generation 0");
      await restore(world, (status) => ({ ...status, heartbeat: 1 }));
      const detail = "the heartbeat is 1 in the store, this node has written 2";
      assert.deepEqual(await world.answerOf(readTrustedIncarnation(world.ports(), never)), {
        ok: false,
        failure: { kind: "StoreRolledBack", detail },
      });
      assert.deepEqual(await conditions(world), []);
    }));

  it("trusts a store that is ahead of its own file, as after a crash", () =>
    withNode({}, async (world) => {
      await beat(world);
      await restore(world, (status) => ({ ...status, heartbeat: 2 }));
      assert.equal(await trust(world), "generation 0");
    }));

  it("trusts a store in which it has registered, without a heartbeat yet", () =>
    withNode({}, async (world) => {
      await world.ports().checkpoints.putHeartbeat({ heartbeat: 7, vmId: identity("node-a").vmId }, never);
      await world.answerOf(
        must(
          world.store.create(
            "AzDriverNode",
            { metadata: { name: "node-a" }, spec: { nodeName: "node-a" } },
            never,
          ),
        ),
      );
      assert.equal(await trust(world), "generation 0");
    }));

  const lastTransitionTime = "2026-01-01T00:00:00.000Z";
  const reported: Condition = {
    type: "StoreRolledBack",
    status: "True",
    reason: "Incarnation0",
    message: "it went back",
    lastTransitionTime,
  };
  const reports: readonly {
    readonly because: string;
    readonly condition: Condition;
    readonly trusted: string;
  }[] = [
    { because: "it has reported that", condition: reported, trusted: "StoreRolledBack" },
    {
      because: "it reported that of an earlier incarnation",
      condition: { ...reported, reason: "Incarnation7" },
      trusted: "generation 0",
    },
    {
      because: "the report was withdrawn",
      condition: { ...reported, status: "False" },
      trusted: "generation 0",
    },
    {
      because: "it has reported something else",
      condition: { ...reported, type: "ReclaimDisputed" },
      trusted: "generation 0",
    },
  ];
  for (const { because, condition, trusted } of reports)
    it(`answers ${trusted} where its checkpoints are lost, and by its object ${because}`, () =>
      withNode({}, async (world) => {
        await beat(world);
        await restore(world, (status) => ({ ...status, conditions: [condition] }));
        assert.equal(await trust(world), trusted);
      }));

  it("trusts no store that does not show its own heartbeat", () =>
    withNode({}, async (world) => {
      await beat(world);
      const trusted = await world.answerOf(readTrustedIncarnation(withoutOwnObject(world.ports()), never));
      assert.deepEqual(trusted, { ok: false, failure: down });
    }));

  it("distrusts a store with an older Lease, though no heartbeat reached it since", () =>
    withNode({ writer: aWriter("node-a") }, async (world) => {
      await lease(world, 4);
      await beat(world);
      await lease(world, 9);
      assert.equal(
        (await world.answerOf(releaseVolume(world.ports(), { volumeName: "pvc-1", isFlushed: false }, never)))
          .ok,
        true,
      );
      await lease(world, 8);
      assert.deepEqual(await world.answerOf(readTrustedIncarnation(world.ports(), never)), {
        ok: false,
        failure: {
          kind: "StoreRolledBack",
          detail: "the controllers' Lease is at 8 of incarnation 0, this process has seen 9 of 0",
        },
      });
      await beat(world);
      assert.deepEqual(await conditions(world), ["StoreRolledBack Incarnation0"]);
      // The leader of the restored store catches up, and has not rebuilt any record.
      await lease(world, 12);
      assert.equal(await trust(world), "StoreRolledBack");
      await lease(world, 1, 1);
      await beat(world);
      assert.deepEqual([await trust(world), await conditions(world)], ["generation 1", []]);
    }));

  it("trusts no record while the Lease that it has seen is gone", () =>
    withNode({}, async (world) => {
      await lease(world, 4);
      assert.equal(await trust(world), "generation 0");
      await world.answerOf(must(world.store.delete("Lease", CONTROLLER_LEASE, {}, never)));
      assert.equal(await trust(world), "StoreRolledBack");
      await beat(world);
      assert.deepEqual(await conditions(world), []);
      await lease(world, 1, 1);
      assert.equal(await trust(world), "generation 1");
    }));

  it("keeps distrusting a rolled back store after the node's object was deleted", () =>
    withNode({}, async (world) => {
      await beat(world);
      assert.equal(await trust(world), "generation 0");
      await world.ports().checkpoints.putHeartbeat({ heartbeat: 7, vmId: identity("node-a").vmId }, never);
      await beat(world);
      assert.deepEqual(
        [await trust(world), await conditions(world)],
        ["StoreRolledBack", ["StoreRolledBack Incarnation0"]],
      );

      await world.answerOf(must(world.store.delete("AzDriverNode", "node-a", {}, never)));
      assert.equal(await trust(world), "StoreRolledBack");
      await beat(world);
      assert.deepEqual(
        [await trust(world), await conditions(world)],
        ["StoreRolledBack", ["StoreRolledBack Incarnation0"]],
      );

      await lease(world, 1, 1);
      await beat(world);
      assert.deepEqual([await trust(world), await conditions(world)], ["generation 1", []]);
    }));
});

describe("detectRollback", () => {
  const rows: readonly {
    readonly because: string;
    readonly shown: number | undefined;
    readonly incarnations: { readonly present: number; readonly earlier: number | undefined };
    readonly isBack: boolean;
  }[] = [
    {
      because: "its heartbeat is lower, at the first one of this process",
      shown: 6,
      incarnations: { present: 2, earlier: undefined },
      isBack: true,
    },
    {
      because: "its heartbeat is lower",
      shown: 6,
      incarnations: { present: 2, earlier: 2 },
      isBack: true,
    },
    {
      because: "its heartbeat is lower, and the Lease is gone or of an earlier incarnation",
      shown: 6,
      incarnations: { present: 0, earlier: 2 },
      isBack: true,
    },
    {
      because: "its heartbeat is lower, and every record was rebuilt since",
      shown: 6,
      incarnations: { present: 3, earlier: 2 },
      isBack: false,
    },
    {
      because: "the Lease alone was deleted",
      shown: 7,
      incarnations: { present: 0, earlier: 2 },
      isBack: false,
    },
    {
      because: "it was registered a moment ago",
      shown: undefined,
      incarnations: { present: 2, earlier: undefined },
      isBack: false,
    },
  ];
  for (const { because, shown, incarnations, isBack } of rows)
    it(`sees ${isBack ? "a" : "no"} rollback where ${because}`, () =>
      withNode({}, async (world) => {
        await beat(world);
        const ports = world.ports();
        await ports.checkpoints.putHeartbeat({ heartbeat: 7, vmId: identity("node-a").vmId }, never);
        const { status, ...own } = await world.answerOf(
          must(world.store.get("AzDriverNode", "node-a", never)),
        );
        assert.ok(status !== undefined);
        const seen = shown === undefined ? own : { ...own, status: { ...status, heartbeat: shown } };
        assert.equal(
          detectRollback(ports, { own: seen, volumes: [] }, incarnations),
          isBack ? "the heartbeat is 6 in the store, this node has written 7" : undefined,
        );
      }));
});

describe("detectRollback on a system disk with another VM's counter", () => {
  const own = identity("node-a").vmId;
  for (const { because, countedBy, shownBy, isBack } of [
    {
      because: "another node's",
      countedBy: "vm-of-node-c",
      shownBy: "vm-of-an-earlier-node-a",
      isBack: false,
    },
    {
      because: "another node's, on a VM that has beaten",
      countedBy: "vm-of-node-c",
      shownBy: own,
      isBack: false,
    },
    { because: "the one before it, of that name", countedBy: "earlier", shownBy: "earlier", isBack: true },
    { because: "its own, in any case", countedBy: own.toUpperCase(), shownBy: "earlier", isBack: true },
  ])
    it(`sees ${isBack ? "a" : "no"} rollback where the VM is ${because}`, () =>
      withNode({}, async (world) => {
        await beat(world);
        const ports = world.ports();
        await ports.checkpoints.putHeartbeat({ heartbeat: 7, vmId: countedBy }, never);
        await restore(world, (status) => ({ ...status, vmId: shownBy }));
        const shown = await world.answerOf(must(world.store.get("AzDriverNode", "node-a", never)));
        const seen = { own: shown, volumes: [] };
        const reported = detectRollback(ports, seen, { present: 0, earlier: undefined });
        assert.equal(reported !== undefined, isBack);
        assert.equal(await trust(world), isBack ? "StoreRolledBack" : "generation 0");
        if (isBack) return;
        await beat(world);
        assert.deepEqual(await conditions(world), []);
        assert.deepEqual([ports.checkpoints.heartbeatVmId(), ports.checkpoints.heartbeat()], [own, 8]);
      }));
});

describe("detectRollback on a VM that has counted under another name", () => {
  for (const { because, countedAs, isBack } of [
    { because: "its present name was used before", countedAs: "node-b", isBack: false },
    { because: "it has that name still", countedAs: "node-a", isBack: true },
  ])
    it(`sees ${isBack ? "a" : "no"} rollback where ${because}`, () =>
      withNode({}, async (world) => {
        await beat(world);
        const { vmId } = identity("node-a");
        await world.ports().checkpoints.putHeartbeat({ heartbeat: 7, vmId, nodeName: countedAs }, never);
        const shown = await world.answerOf(must(world.store.get("AzDriverNode", "node-a", never)));
        const seen = { own: shown, volumes: [] };
        const reported = detectRollback(world.ports(), seen, { present: 0, earlier: undefined });
        assert.equal(reported !== undefined, isBack);
      }));
});

describe("detectRollback of a record older than the checkpoint", () => {
  for (const { because, present, isBack } of [
    { because: "in the present incarnation", present: 1, isBack: true },
    { because: "without a Lease", present: 0, isBack: true },
    { because: "that the rebuild of a later incarnation has not reached yet", present: 2, isBack: false },
  ])
    it(`sees ${isBack ? "a" : "no"} rollback in a record ${because}`, () =>
      withNode({ writer: aWriter("node-a") }, async (world) => {
        await beat(world);
        const ports = world.ports();
        await world.setRecord((record) => ({ ...record, epoch: 2, storeIncarnation: 1 }));
        const { uid } = ports.cache.get("AzVolume", "pvc-1")?.metadata ?? assert.fail();
        await ports.checkpoints.put({ ...checkpoint, uid }, never);
        const own = await world.answerOf(must(world.store.get("AzDriverNode", "node-a", never)));
        const volumes = await readCheckpointedVolumes(ports, never);
        assert.equal(
          detectRollback(ports, { own, volumes }, { present, earlier: present }),
          isBack ? "pvc-1 is at epoch 2, this node's checkpoint at 3" : undefined,
        );
      }));
});

it("sees a rollback in one record beside another that shows none", () =>
  withNode({ writer: aWriter("node-a") }, async (world) => {
    await beat(world);
    const ports = world.ports();
    const metadata = { name: "pvc-2", uid: "uid-pvc-2" };
    await world.given("AzVolume", aVolume({ metadata, status: { record: aRecord({ epoch: 2 }) } }));
    const { uid } = ports.cache.get("AzVolume", "pvc-2")?.metadata ?? assert.fail();
    await ports.checkpoints.put({ ...checkpoint, volumeName: "pvc-2", uid }, never);
    const own = await world.answerOf(must(world.store.get("AzDriverNode", "node-a", never)));
    const volumes = await readCheckpointedVolumes(ports, never);
    assert.equal(
      detectRollback(ports, { own, volumes }, { present: 0, earlier: 0 }),
      "pvc-2 is at epoch 2, this node's checkpoint at 3",
    );
  }));

describe("readCheckpointedVolumes", () => {
  it("reads past the cache what that does not show: no label, no event", () =>
    withNode({ writer: aWriter("node-a") }, async (world) => {
      const ports = world.ports();
      const read: string[] = [];
      const store: typeof ports.store = {
        ...ports.store,
        get: (kind, name, signal) => {
          read.push(name);
          return ports.store.get(kind, name, signal);
        },
      };
      const cache = { ...ports.cache, get: () => undefined };
      await ports.checkpoints.put(checkpoint, never);
      await ports.checkpoints.put({ ...checkpoint, volumeName: "gone" }, never);
      const names = async (known: Pick<typeof ports, "cache">): Promise<readonly string[]> =>
        (await readCheckpointedVolumes({ ...ports, ...known, store }, never)).map(
          ({ metadata }) => metadata.name,
        );
      assert.deepEqual([await names({ cache }), read], [["pvc-1"], ["gone", "pvc-1"]]);
      read.length = 0;
      assert.deepEqual([await names(ports), read], [["pvc-1"], ["gone"]]);
    }));

  it("leaves out what it can't read now, and reads the others", () =>
    withNode({ writer: aWriter("node-a") }, async (world) => {
      const ports = world.ports();
      await ports.checkpoints.put({ ...checkpoint, volumeName: "pvc-2" }, never);
      await ports.checkpoints.put(checkpoint, never);
      const warnings: string[] = [];
      const logger = { ...ports.logger, warn: (message: string) => void warnings.push(message) };
      const failure = { kind: "StoreUnavailable", detail: "down" } as const;
      const store = { ...ports.store, get: async () => fail(failure) };
      const volumes = await readCheckpointedVolumes({ ...ports, store, logger }, never);
      assert.deepEqual(
        [volumes.map(({ metadata }) => metadata.name), warnings],
        [["pvc-1"], ["checkpointed volume not read"]],
      );
    }));
});

const checkpoint = aCheckpoint({ epoch: 3 });

describe("olderThanCheckpoint", () => {
  const at = (epoch: number, record: RecordChanges = {}) =>
    aVolume({ status: { record: aRecord({ epoch, ...record }) } });
  const { status } = aVolume();
  assert.ok(status?.record !== undefined);
  const { record: _, ...withoutRecord } = status;
  const rows: readonly {
    readonly because: string;
    readonly volume: AzVolume;
    readonly checkpoints?: readonly VolumeCheckpoint[];
    readonly isOlder: boolean;
  }[] = [
    { because: "its epoch is below that of the checkpoint", volume: at(2), isOlder: true },
    {
      because: "its epoch is below that of the checkpoint, and another node is unverified",
      volume: at(2, { unverified: [identity("node-b")] }),
      isOlder: true,
    },
    { because: "its epoch is that of the checkpoint", volume: at(3), isOlder: false },
    {
      because: "another node was granted the volume since",
      volume: at(4, { writer: aWriter("node-b", { epoch: 4 }) }),
      isOlder: false,
    },
    {
      because: "it lists this node as unverified, and waits for what it knows",
      volume: at(2, { unverified: [identity("node-a")] }),
      isOlder: false,
    },
    {
      because: "the volume has no checkpoint",
      volume: at(2),
      checkpoints: [{ ...checkpoint, volumeName: "pvc-2" }],
      isOlder: false,
    },
    {
      because: "the checkpoint is of an earlier object of that name",
      volume: at(2),
      checkpoints: [{ ...checkpoint, uid: "uid-earlier" }],
      isOlder: false,
    },
    { because: "there is none", volume: { ...aVolume(), status: withoutRecord }, isOlder: false },
    {
      because: "the volume has no status yet",
      volume: { metadata: aVolume().metadata, spec: aVolume().spec },
      isOlder: false,
    },
  ];
  for (const { because, volume, checkpoints = [checkpoint], isOlder } of rows)
    it(`calls a record ${isOlder ? "older" : "no older"} than the checkpoint where ${because}`, () =>
      withNode({}, async (world) => {
        const ports = world.ports();
        const detail = isOlder ? "pvc-1 is at epoch 2, this node's checkpoint at 3" : undefined;
        assert.equal(
          olderThanCheckpoint(
            { node: ports.node, checkpoints: { ...ports.checkpoints, volumes: () => checkpoints } },
            volume,
          ),
          detail,
        );
      }));
});
