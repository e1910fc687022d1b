import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AzVolume } from "../core/api/az-volume.ts";
import { ATTACHMENT_FINALIZER } from "../core/api/finalizers.ts";
import { CONTROLLER_LEASE, REBUILD_ANNOTATION } from "../core/api/lease.ts";
import { attachmentObjectName } from "../core/api/object-names.ts";
import type { Failure } from "../core/failure/failure.ts";
import { fail, ok } from "../core/failure/result.ts";
import { toTimestamp } from "../core/primitives/timestamp.ts";
import { aPlacement, aPod } from "../core/schedule/testing/placement.ts";
import {
  aDiskSpec,
  aDetail,
  agoMs,
  anAttachment,
  aRecord,
  aReplica,
  aVolume,
  aVolumeWithRecord,
  aWriter,
  diskUri,
  identity,
  instanceUriOf,
  leaving,
} from "../core/testing/objects.ts";
import { changedRecord, listIn } from "../core/testing/record-lists.ts";
import { writeThroughStore } from "../objects/cache/write-through-store.ts";
import type { CloudProvisioner } from "../ports/cloud/cloud-provisioner.ts";
import type { VolumeUsers } from "../ports/cluster/volume-users.ts";
import type { Logger } from "../ports/logger.ts";
import type { NewObject } from "../ports/store/object-store.ts";
import { silentLogger } from "../ports/testing/silent-logger.ts";
import { createControllers } from "./controllers.ts";
import { driverTags } from "./disk/disk-tags.ts";
import { aCluster } from "./testing/a-cluster.ts";
import { type ReconcileWorld, withControllerPorts } from "./testing/a-controller.ts";
import { aDisk } from "./testing/a-disk.ts";
import { aDriverNode } from "./testing/a-driver-node.ts";
import { anInstance } from "./testing/an-instance.ts";
import { barrierByMode } from "./testing/barrier-by-mode.ts";
import { recordedCalls } from "./testing/recorded-calls.ts";

/** How long each call to Azure takes, in milliseconds. */
const CALL_MS = 100;
/** How long a slow read of a disk takes, in milliseconds. Well below the 10 s between two proofs. */
const SLOW_READ_MS = 2_000;

/** Runs all controllers on an Azure with some methods replaced, while `act` observes. */
async function whileRunning(
  world: ReconcileWorld,
  cloud: Partial<CloudProvisioner>,
  act: () => Promise<void>,
): Promise<void> {
  const life = new AbortController();
  const store = writeThroughStore(world.ports.store, world.ports, [
    "AzVolume",
    "AzVolumeAttachment",
    "AzDriverNode",
  ]);
  const ports = {
    ...world.ports,
    store,
    cloud: { ...world.ports.cloud, listDisks: async () => ok([]), ...cloud },
  };
  const running = createControllers(ports, () => undefined)(life.signal);
  try {
    await act();
  } finally {
    life.abort();
    await world.answerOf(running);
  }
}

/** A call that fails after a while, and how often it was made. */
function failing(
  world: ReconcileWorld,
  failure: Failure,
): {
  readonly call: (request: unknown, signal: AbortSignal) => Promise<{ ok: false; failure: Failure }>;
  calls: number;
} {
  const counted = {
    calls: 0,
    call: async (_request: unknown, signal: AbortSignal) => {
      counted.calls += 1;
      await world.clock.sleep(CALL_MS, signal).catch(() => undefined);
      return fail(failure);
    },
  };
  return counted;
}

const withoutDisk: AzVolume = {
  ...aVolume(),
  status: { state: "Pending", observedGeneration: 0, conditions: [] },
};
const throttled: Failure = { kind: "Throttled", retryAfterMs: 30_000, detail: "429" };
const unauthorized: Failure = {
  kind: "CloudUnauthorized",
  code: "AuthorizationFailed",
  message: "may not write node-a",
  requestId: "r",
};
/** The controllers' Lease while the records are rebuilt for incarnation 1. */
const sweptLease: NewObject<"Lease"> = {
  metadata: { name: CONTROLLER_LEASE, annotations: { [REBUILD_ANNOTATION]: "1" } },
  spec: { holderIdentity: "controller", leaseDurationSeconds: 15, renewTime: agoMs(0), leaseTransitions: 0 },
};
const never = new AbortController().signal;
const diskNotFound: Failure = { kind: "DiskNotFound", diskUri };

describe("createControllers", () => {
  const attaches: readonly {
    readonly because: string;
    readonly failure: Failure;
    readonly callsMax: number;
  }[] = [
    { because: "Azure says when to come again", failure: throttled, callsMax: 1 },
    { because: "back-off alone", failure: diskNotFound, callsMax: 8 },
  ];
  for (const { because, failure, callsMax } of attaches) {
    it(`is not triggered by its own failure, and keeps to its delays: an attach, ${because}`, () =>
      withControllerPorts(async (world) => {
        await world.given("AzDriverNode", aDriverNode("node-a"));
        await world.given("AzVolume", aVolumeWithRecord({ writer: aWriter("node-a", { held: false }) }));
        await world.given("AzVolumeAttachment", anAttachment("node-a", { status: { state: "Pending" } }));
        const attachDisk = failing(world, failure);
        await whileRunning(world, { attachDisk: attachDisk.call }, async () => {
          await world.clock.advance(10_000);
          assert.ok(attachDisk.calls >= 1 && attachDisk.calls <= callsMax, `${attachDisk.calls} calls`);
          assert.equal(world.attachment("node-a")?.status?.state, "AttachmentFailed");
        });
      }));
  }

  // docs/operating.md has the figures of a day.
  for (const { failure, triesMax } of [
    { failure: { kind: "CloudUnavailable", code: "ServerBusy", message: "", requestId: "r" }, triesMax: 150 },
    { failure: unauthorized, triesMax: 18 },
  ] as const)
    it(`costs little in an hour of failed attaches: ${failure.kind}`, () =>
      withControllerPorts(async (world) => {
        await world.given("AzDriverNode", aDriverNode("node-a"));
        await world.given("AzVolume", aVolumeWithRecord({ writer: aWriter("node-a", { held: false }) }));
        await world.given("AzVolumeAttachment", anAttachment("node-a", { status: { state: "Pending" } }));
        const attachDisk = failing(world, failure);
        const lines: string[] = [];
        const note = (message: string): void => void lines.push(message);
        const logger: Logger = { ...silentLogger, info: note, warn: note, error: note, child: () => logger };
        const store: string[] = [];
        const noted = { ...world.ports, logger, store: recordedCalls(world.ports.store, store) };
        await whileRunning({ ...world, ports: noted }, { attachDisk: attachDisk.call }, async () => {
          for (let minute = 0; minute < 60; minute++) {
            await world.clock.advance(60_000);
            await world.beat("node-a");
          }
        });
        const { calls } = attachDisk;
        assert.ok(calls >= triesMax / 2 && calls <= triesMax, `${calls} tries`);
        const writes = store.filter((call) => /^update\w* AzVolume/u.test(call)).length;
        assert.ok(writes <= 2 * calls + 5, `${writes} writes`);
        const logged = lines.filter((line) => line !== "recovery done").length;
        assert.ok(logged <= calls + 2, `${logged} lines`);
      }));

  it("retries a refused attach rarely, reports it once, and at once for a new pod", () =>
    withControllerPorts(async (world) => {
      const emitted = (): readonly string[] =>
        world.emitted.filter(({ reason }) => reason === "AttachRefused").map(({ message }) => message);
      const conditions = (): readonly (string | undefined)[] =>
        (world.volume()?.status?.conditions ?? []).flatMap(({ type, reason }) =>
          type === "AttachRefused" ? [reason] : [],
        );
      await world.given("AzDriverNode", aDriverNode("node-a"));
      await world.given("AzVolume", aVolumeWithRecord({ writer: aWriter("node-a", { held: false }) }));
      const pending = anAttachment("node-a", {
        spec: { writerRequest: { since: "2026-01-01T00:00:00.000Z" } },
        status: { state: "Pending" },
      });
      await world.given("AzVolumeAttachment", pending);
      const attachDisk = failing(world, unauthorized);
      let mayAttach = false;
      const call: CloudProvisioner["attachDisk"] = (request, signal) =>
        mayAttach ? world.ports.cloud.attachDisk(request, signal) : attachDisk.call(request, signal);
      await whileRunning(world, { attachDisk: call }, async () => {
        await world.clock.advance(10_000);
        assert.deepEqual([attachDisk.calls, emitted().length, conditions()], [1, 1, ["CloudUnauthorized"]]);
        await world.clock.advance(1_800_000);
        assert.ok(attachDisk.calls >= 8 && attachDisk.calls <= 12, `${attachDisk.calls} calls`);
        assert.equal(emitted().length, 1);
        const calls = attachDisk.calls;
        const present = world.attachment("node-a");
        assert.ok(present !== undefined);
        const writerRequest = { since: toTimestamp(world.clock.nowMs()) };
        await world.answerOf(
          world.other.update(
            "AzVolumeAttachment",
            { ...present, spec: { ...present.spec, writerRequest } },
            never,
          ),
        );
        await world.clock.advance(2_000);
        assert.deepEqual([attachDisk.calls, emitted().length], [calls + 1, 2]);
        mayAttach = true;
        await world.clock.advance(300_000);
        assert.deepEqual([world.attachment("node-a")?.status?.state, conditions()], ["Attached", []]);
      });
    }));

  it("forgets its earlier writes of disks, since another process may have led", () =>
    withControllerPorts(async (world) => {
      let forgotten = 0;
      const forgetWrites = (): void => {
        forgotten += 1;
      };
      await whileRunning(world, { forgetWrites }, () => world.answerOf(world.clock.sleep(1_000, never)));
      assert.equal(forgotten, 1);
    }));

  it("is not triggered by its own failure, and keeps to its delays: a disk's creation", () =>
    withControllerPorts(async (world) => {
      await world.given("AzDriverNode", aDriverNode("node-a"));
      await world.given("AzVolume", withoutDisk);
      const createDisk = failing(world, throttled);
      await whileRunning(world, { createDisk: createDisk.call }, async () => {
        await world.clock.advance(10_000);
        assert.equal(createDisk.calls, 1);
      });
    }));

  describe("on a volume that never rests and whose disk does not grow", () => {
    const grown = aVolume({
      spec: { disk: aDiskSpec({ sizeGiB: 20, maxShares: 1 }), maxMountReplicaCount: 0 },
      status: { detail: aDetail({ maxShares: 1 }), record: aRecord() },
    });

    /**
     * When the disk's tags were to be written within five minutes after a fence, in milliseconds, while
     * the volume changes every five seconds.
     */
    async function tagTries(answer: CloudProvisioner["tagDisk"]): Promise<readonly number[]> {
      const triedMs: number[] = [];
      await withControllerPorts(async (world) => {
        await world.given("AzDriverNode", aDriverNode("node-b"));
        world.instances.set(instanceUriOf("node-b"), identity("node-b").vmId);
        world.disks.add(diskUri);
        await world.given("AzVolume", grown);
        const tagDisk: CloudProvisioner["tagDisk"] = (request, signal) => {
          triedMs.push(world.clock.elapsedMs() - beganMs);
          return answer(request, signal);
        };
        const resizeDisk = failing(world, {
          kind: "CloudUnavailable",
          code: "503",
          message: "",
          requestId: "r",
        });
        let beganMs = 0;
        await whileRunning(world, { tagDisk, resizeDisk: resizeDisk.call }, async () => {
          await world.clock.advance(1_000);
          beganMs = world.clock.elapsedMs();
          await world.setRecord((record) => changedRecord(record, { quarantined: [identity("node-b")] }));
          for (let epoch = 1; epoch <= 60; epoch++) {
            await world.clock.advance(5_000);
            await world.setRecord((record) => ({ ...record, epoch }));
          }
        });
      });
      return triedMs;
    }

    it("writes the disk's tags within a minute, and once", async () => {
      const [first = 0, ...others] = await tagTries(async () => ok(undefined));
      assert.ok(first >= 59_000 && first <= 61_000, `after ${first} ms`);
      assert.deepEqual(others, []);
    });

    it("retries the write no more often for each change", async () => {
      const failed = await tagTries(async () =>
        fail({ kind: "CloudUnavailable", code: "503", message: "", requestId: "r" }),
      );
      assert.ok(failed.length >= 6 && failed.length <= 10, failed.join(", "));
      const refused = await tagTries(async () => fail(unauthorized));
      assert.equal(refused.length, 1);
    });
  });

  it("prunes the volume of a disk that is gone where another disk can't be recovered", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", aVolume());
      const sick = aDisk({
        diskUri: diskUri.replace("pvc-1", "pvc-2"),
        tags: driverTags(aVolume(), "cluster-1"),
      });
      const broken: Failure = { kind: "CloudUnavailable", code: "500", message: "", requestId: "r" };
      const getDisk: CloudProvisioner["getDisk"] = async (asked) =>
        fail(asked.diskUri === sick.diskUri ? broken : diskNotFound);
      await whileRunning(world, { getDisk, listDisks: async () => ok([sick]) }, async () => {
        await world.clock.advance(5_000);
        assert.notEqual(world.volume()?.metadata.deletionTimestamp, undefined);
      });
    }));

  it("prunes the volume of a disk that is gone, and what waited for its record", () =>
    withControllerPorts(async (world) => {
      await world.given("AzDriverNode", aDriverNode("node-a"));
      const failed = {
        ...withoutDisk,
        status: { state: "CreationFailed", observedGeneration: 1, conditions: [] },
      } as const;
      await world.given("AzVolume", failed);
      await world.given(
        "AzVolumeAttachment",
        leaving(aReplica("node-a", { metadata: { finalizers: [ATTACHMENT_FINALIZER] } })),
      );
      await whileRunning(world, {}, async () => {
        await world.clock.advance(5_000);
        assert.notEqual(world.attachment("node-a"), undefined);
        const present = await world.other.get("AzVolume", "pvc-1", new AbortController().signal);
        assert.ok(present.ok);
        const error = {
          kind: "DiskNotFound",
          message: "",
          failure: "{}",
          time: "2026-01-01T00:00:00.000Z",
          retries: 1,
        };
        await world.other.updateStatus(
          "AzVolume",
          { ...present.value, status: { ...failed.status, error } },
          new AbortController().signal,
        );
        await world.clock.advance(5_000);
        assert.equal(world.attachment("node-a"), undefined);
      });
    }));

  it("checks a contended volume's users at intervals, and writes nothing between", () =>
    withControllerPorts(async (world) => {
      world.use = { kind: "unknown" };
      for (const nodeName of ["node-a", "node-b"]) await world.given("AzDriverNode", aDriverNode(nodeName));
      await world.given(
        "AzVolume",
        aVolumeWithRecord({ writer: aWriter("node-a") }, { maxMountReplicaCount: 0 }),
      );
      for (const nodeName of ["node-a", "node-b"])
        await world.given("AzVolumeAttachment", anAttachment(nodeName, { status: { lun: 1 } }));
      // A loop without a pause would keep virtual time from passing.
      const { on } = world.ports.users;
      const patient: VolumeUsers["on"] = (where, signal) =>
        world.asked < 100 ? on(where, signal) : Promise.reject(new Error("asked again and again"));
      await whileRunning(
        { ...world, ports: { ...world.ports, users: { ...world.ports.users, on: patient } } },
        {},
        async () => {
          const writes = (): number =>
            world.commits.filter(({ by, kind }) => by === "controller" && kind === "AzVolume").length;
          await world.clock.advance(1_000);
          assert.equal(writes(), 1, "the labels of its nodes");
          await world.clock.advance(9_000);
          assert.ok(world.asked >= 4 && world.asked <= 8, `asked ${world.asked} times`);
          assert.equal(writes(), 1);
        },
      );
    }));

  it("lists all disks ever more rarely while one of them can't be recovered", () =>
    withControllerPorts(async (world) => {
      let lists = 0;
      const lost = aDisk({ tags: driverTags(aVolume(), "cluster-1") });
      const listDisks = async () => {
        lists++;
        return ok([lost]);
      };
      const failure: Failure = { kind: "CloudUnavailable", code: "503", message: "busy", requestId: "r" };
      const getDisk = async () => fail(failure);
      await whileRunning(world, { listDisks, getDisk }, async () => {
        await world.clock.advance(3_600_000);
        assert.ok(lists > 10 && lists <= 18, `${lists} lists in the first hour`);
        const before = lists;
        await world.clock.advance(3_600_000);
        assert.ok(lists - before <= 8, `${lists - before} lists in the second hour`);
      });
    }));

  it("finds disks that lost their object while it runs", () =>
    withControllerPorts(async (world) => {
      let disks = [aDisk({ diskUri: diskUri.replace("pvc-1", "other") })];
      const getDisk: CloudProvisioner["getDisk"] = async (asked) => {
        const disk = disks.find((other) => other.diskUri === asked.diskUri);
        return disk === undefined ? fail({ kind: "DiskNotFound", ...asked }) : ok(disk);
      };
      await whileRunning(world, { listDisks: async () => ok(disks), getDisk }, async () => {
        await world.clock.advance(60_000);
        disks = [aDisk({ tags: driverTags(aVolume(), "cluster-1") })];
        world.disks.add(diskUri);
        await world.clock.advance(600_000);
        assert.equal(world.volume()?.spec.diskUri, diskUri);
      });
    }));

  it("examines a quarantined VM without an AzDriverNode at intervals", () =>
    withControllerPorts(async (world) => {
      await world.given("AzDriverNode", aDriverNode("node-b"));
      await world.given("AzVolume", aVolumeWithRecord({ quarantined: [identity("node-a")] }));
      world.gone.add("node-a");
      const cluster = aCluster([]);
      cluster.presence.set("node-a", "gone");
      world.instances.set(instanceUriOf("node-a"), identity("node-a").vmId);
      await whileRunning({ ...world, ports: { ...world.ports, clusterVolumes: cluster } }, {}, async () => {
        await world.clock.advance(60_000);
        assert.deepEqual(listIn(world.record(), "quarantined"), [identity("node-a")]);
        world.instances.delete(instanceUriOf("node-a"));
        await world.clock.advance(120_000);
        assert.deepEqual(listIn(world.record(), "quarantined"), []);
      });
    }));

  it("identifies entries without an attachment once their Node exists again", () =>
    withControllerPorts(async (world) => {
      await world.given("AzDriverNode", aDriverNode("node-a"));
      await world.given(
        "AzVolume",
        aVolumeWithRecord({ quarantined: [{ ...identity("node-a"), nodeUid: "a-1" }] }),
      );
      world.instances.set(instanceUriOf("node-a"), identity("node-a").vmId);
      let tell: Parameters<VolumeUsers["onChange"]>[0] = () => assert.fail("nothing listens to nodes");
      const users: VolumeUsers = { ...world.ports.users, onChange: (listener) => (tell = listener) };
      await whileRunning({ ...world, ports: { ...world.ports, users } }, {}, async () => {
        await world.clock.advance(1_000);
        world.nodeUids.set("node-a", "a-2");
        tell("node-a", "node");
        await world.clock.advance(1_000);
        assert.deepEqual(listIn(world.record(), "quarantined"), [{ ...identity("node-a"), nodeUid: "a-2" }]);
      });
    }));

  describe("when a node becomes usable", () => {
    const unreachable = [{ key: "node.kubernetes.io/not-ready", value: "", effect: "NoSchedule" }];
    type NodeView = ReturnType<VolumeUsers["cachedNode"]>;
    const nodeChanges: readonly { readonly because: string; readonly before: Partial<NodeView> }[] = [
      { because: "is uncordoned", before: { isUnschedulable: true } },
      { because: "is Ready again", before: { taints: unreachable } },
      { because: "is back in service", before: { isOutOfService: true } },
      { because: "exists again", before: { isGone: true } },
    ];
    /** A pod without tolerations uses `pvc-1` on node-a; its replica waits for node-b. */
    async function aWaitingReplica(world: ReconcileWorld): Promise<void> {
      await world.given("AzDriverNode", aDriverNode("node-a"));
      await world.given(
        "AzVolume",
        aVolumeWithRecord(
          { writer: aWriter("node-a") },
          { disk: aDiskSpec({ maxShares: 2 }), maxMountReplicaCount: 1 },
        ),
      );
      await world.given("AzVolumeAttachment", anAttachment("node-a", { status: { lun: 0 } }));
    }
    async function getsReplica(world: ReconcileWorld, change: () => Promise<void>): Promise<void> {
      await world.clock.advance(10_000);
      assert.equal(world.attachment("node-b"), undefined, "node-b gets a replica while it is unusable");
      await change();
      await world.clock.advance(500);
      assert.equal(world.attachment("node-b")?.spec.role, "Replica");
    }

    for (const { because, before } of nodeChanges)
      it(`places a missing replica at once on a node that ${because}`, () =>
        withControllerPorts(async (world) => {
          await aWaitingReplica(world);
          await world.given("AzDriverNode", aDriverNode("node-b"));
          let view = before;
          let tell: Parameters<VolumeUsers["onChange"]>[0] = () => assert.fail("nothing listens to nodes");
          const users: VolumeUsers = {
            ...world.ports.users,
            cachedNode: (nodeName) => ({
              ...world.ports.users.cachedNode(nodeName),
              ...(nodeName === "node-b" ? view : {}),
            }),
            cachedPlacement: () => aPlacement(),
            onChange: (listener) => (tell = listener),
          };
          await whileRunning({ ...world, ports: { ...world.ports, users } }, {}, () =>
            getsReplica(world, async () => {
              view = {};
              tell("node-b", "node");
            }),
          );
        }));

    it("plans at most five times a second for a node that changes all the time", () =>
      withControllerPorts(async (world) => {
        await aWaitingReplica(world);
        await world.given("AzDriverNode", aDriverNode("node-b"));
        let [plans, tell]: [number, Parameters<VolumeUsers["onChange"]>[0]] = [0, () => assert.fail()];
        const users: VolumeUsers = {
          ...world.ports.users,
          // No node fits, so each plan asks again.
          cachedPlacement: () => {
            plans += 1;
            return aPlacement({ pods: [aPod({ nodeSelector: { disk: "ssd" } })] });
          },
          onChange: (listener) => (tell = listener),
        };
        await whileRunning({ ...world, ports: { ...world.ports, users } }, {}, async () => {
          await world.clock.advance(5_000);
          plans = 0;
          for (let change = 0; change < 1_000; change += 1) {
            tell("node-b", "node");
            await world.clock.advance(1);
          }
          assert.ok(plans >= 4 && plans <= 6, `${plans} plans in a second`);
        });
      }));

    it("places a missing replica at once on a node whose plug-in is ready again", () =>
      withControllerPorts(async (world) => {
        await aWaitingReplica(world);
        await world.given("AzDriverNode", aDriverNode("node-b", { readyForVolumeAllocation: false }));
        await whileRunning(world, {}, () =>
          getsReplica(world, async () => {
            const present = await world.answerOf(world.other.get("AzDriverNode", "node-b", never));
            assert.ok(present.ok && present.value.status !== undefined);
            const status = { ...present.value.status, readyForVolumeAllocation: true };
            await world.answerOf(
              world.other.updateStatus("AzDriverNode", { ...present.value, status }, never),
            );
          }),
        );
      }));

    it("places a missing replica at once on a node that gets a free slot", () =>
      withControllerPorts(async (world) => {
        await aWaitingReplica(world);
        await world.given("AzDriverNode", aDriverNode("node-b", { maxVolumes: 1 }));
        const volumeId = `${diskUri}-2`;
        const name = attachmentObjectName({ diskUri: volumeId, nodeName: "node-b" });
        const other = { metadata: { name, uid: "uid-pvc-2" }, spec: { volumeName: "pvc-2", volumeId } };
        await world.given("AzVolumeAttachment", aReplica("node-b", other));
        await whileRunning(world, {}, () =>
          getsReplica(world, async () => {
            await world.markDeleted("AzVolumeAttachment", name);
            const present = await world.answerOf(world.other.get("AzVolumeAttachment", name, never));
            assert.ok(present.ok);
            const metadata = { ...present.value.metadata, finalizers: [] };
            await world.answerOf(
              world.other.update("AzVolumeAttachment", { ...present.value, metadata }, never),
            );
          }),
        );
      }));
  });

  it("asks Azure rarely about a retained quarantined VM, and prunes it when it is gone", () =>
    withControllerPorts(async (world) => {
      const earlier = {
        nodeName: "node-a",
        vmId: "earlier",
        instanceUri: instanceUriOf("an-earlier-node-a"),
      };
      await world.given("AzDriverNode", aDriverNode("node-a"));
      await world.given("AzVolume", aVolumeWithRecord({ quarantined: [earlier] }));
      world.disks.add(diskUri);
      world.instances.set(earlier.instanceUri, earlier.vmId);
      let asked = 0;
      const proveGone: CloudProvisioner["proveGone"] = (request, signal) => {
        asked += 1;
        return world.ports.cloud.proveGone(request, signal);
      };
      await whileRunning(world, { proveGone }, async () => {
        for (let minute = 0; minute < 30; minute += 1) {
          await world.beat("node-a");
          await world.clock.advance(60_000);
        }
        assert.ok(asked >= 2 && asked <= 4, `Azure was asked ${asked} times in half an hour`);
        world.instances.delete(earlier.instanceUri);
        await world.clock.advance(601_000);
        assert.deepEqual(listIn(world.record(), "quarantined"), []);
      });
    }));

  for (const { because, hasPlugin } of [
    { because: "whose VM exists, without a plug-in", hasPlugin: false },
    { because: "without anything to verify itself by", hasPlugin: true },
  ])
    it(`asks Azure rarely about a node ${because}, however often an attachment is written`, () =>
      withControllerPorts(async (world) => {
        for (const nodeName of hasPlugin ? ["node-a", "node-b"] : ["node-b"])
          await world.given("AzDriverNode", aDriverNode(nodeName));
        await world.given(
          "AzVolume",
          aVolumeWithRecord({ defaultAccess: "quarantined", unverified: [identity("node-a")] }),
        );
        await world.given("AzVolumeAttachment", anAttachment("node-b", { status: { lun: 0 } }));
        world.instances.set(instanceUriOf("node-a"), identity("node-a").vmId);
        world.disks.add(diskUri);
        let asked = 0;
        const count =
          <Asked, Answer>(ask: (request: Asked, signal: AbortSignal) => Answer) =>
          (request: Asked, signal: AbortSignal): Answer => {
            asked += 1;
            return ask(request, signal);
          };
        const listed = async () =>
          ok({ ...anInstance("node-a"), dataDisks: [{ diskUri, lun: 0, beingDetached: false }] });
        const cloud = {
          proveGone: count(world.ports.cloud.proveGone),
          inspectInstance: count(listed),
          ...barrierByMode(world.ports.cloud, { prove: count(async () => ok(undefined)) }),
        };
        await whileRunning(world, cloud, async () => {
          for (let write = 0; write < 300; write += 1) {
            const present = world.attachment("node-b") ?? assert.fail("no attachment");
            const writerRequest = { since: toTimestamp(world.clock.nowMs()) };
            await world.answerOf(
              world.other.update(
                "AzVolumeAttachment",
                { ...present, spec: { ...present.spec, writerRequest } },
                never,
              ),
            );
            await world.clock.advance(200);
          }
          assert.ok(asked >= 6 && asked <= 24, `Azure was asked ${asked} times in a minute`);
        });
      }));

  for (const { because, hasPlugin } of [
    { because: "without a device", hasPlugin: true },
    { because: "without a plug-in", hasPlugin: false },
  ])
    it(`proves an unverified node ${because} as soon as a rebuild ends`, () =>
      withControllerPorts(async (world) => {
        await world.given("AzDriverNode", aDriverNode("node-b"));
        if (hasPlugin) await world.given("AzDriverNode", aDriverNode("node-a"));
        for (const name of ["pvc-1", "pvc-2"]) {
          const { metadata, ...rest } = aVolumeWithRecord({ writer: aWriter("node-a") });
          await world.given("AzVolume", { metadata: { ...metadata, name }, ...rest });
        }
        for (const name of ["node-a", "node-b"])
          world.instances.set(instanceUriOf(name), identity(name).vmId);
        world.use = { kind: "used", users: ["pod/writer"] };
        let [disksRead, isReading, proofs] = [0, false, 0];
        const getDisk: CloudProvisioner["getDisk"] = async () => {
          disksRead += 1;
          return ok(aDisk({ attachedTo: disksRead === 2 ? [instanceUriOf("node-b")] : [] }));
        };
        // The second volume prolongs the rebuild while the first one's record requests a proof.
        const inspectInstance: CloudProvisioner["inspectInstance"] = async (asked, signal) => {
          if (asked.nodeName === "node-b") {
            isReading = true;
            await world.clock.sleep(SLOW_READ_MS, signal).catch(() => undefined);
          }
          return world.ports.cloud.inspectInstance(asked, signal);
        };
        const prove: CloudProvisioner["barrier"] = (asked, signal) => {
          proofs += 1;
          return world.ports.cloud.barrier(asked, signal);
        };
        // A passed write barrier triggers a reconcile: here only the end of the rebuild may.
        const flush = async () => fail(throttled);
        const cloud = {
          getDisk,
          inspectInstance,
          ...barrierByMode(world.ports.cloud, { prove, flush }),
        };
        await whileRunning(world, cloud, async () => {
          await world.clock.advance(1_000);
          assert.ok((await world.answerOf(world.other.create("Lease", sweptLease, never))).ok);
          assert.ok(await world.clock.runUntil(() => isReading, SLOW_READ_MS), "no rebuild");
          await world.clock.advance(SLOW_READ_MS / 2);
          assert.deepEqual(listIn(world.record(), "unverified"), [identity("node-a")]);
          if (hasPlugin) assert.equal(proofs, 0, "Azure is asked for a proof that the rebuild refuses");
          await world.clock.advance(SLOW_READ_MS);
          assert.deepEqual(
            listIn(world.record(), "unverified"),
            [],
            "the proof is not sought after the rebuild",
          );
        });
      }));

  for (const { because, nodeName } of [
    { because: "the VM's resource id alone", nodeName: instanceUriOf("node-a") },
    { because: "an earlier name", nodeName: "node-old" },
  ])
    it(`identifies an unverified entry with ${because} soon after its node registers`, () =>
      withControllerPorts(async (world) => {
        const a = identity("node-a");
        world.nodeNames.clear();
        world.instances.set(a.instanceUri, a.vmId);
        await world.given("AzVolume", aVolumeWithRecord({ unverified: [{ ...a, nodeName }] }));
        const disk = aDisk({ attachedTo: [a.instanceUri] });
        const prove = async () => ok(undefined);
        const cloud = { getDisk: async () => ok(disk), ...barrierByMode(world.ports.cloud, { prove }) };
        await whileRunning(world, cloud, async () => {
          await world.clock.advance(12_000);
          assert.deepEqual(listIn(world.record(), "unverified"), [{ ...a, nodeName }]);
          await world.given("AzDriverNode", aDriverNode("node-a"));
          await world.clock.advance(1_500);
          assert.deepEqual(listIn(world.record(), "unverified"), [a]);
        });
      }));

  it("sends a write barrier for a node that a rebuilt record names later", () =>
    withControllerPorts(async (world) => {
      await world.given("AzDriverNode", aDriverNode("node-a"));
      await world.given("AzVolume", aVolumeWithRecord({ defaultAccess: "quarantined" }));
      world.instances.set(instanceUriOf("node-a"), identity("node-a").vmId);
      world.use = { kind: "used", users: ["pod/writer"] };
      const flush = failing(world, throttled);
      await whileRunning(world, barrierByMode(world.ports.cloud, { flush: flush.call }), async () => {
        await world.clock.advance(5_000);
        assert.equal(flush.calls, 0);
        const present = world.volume();
        const record = world.record();
        assert.ok(present?.status !== undefined && record !== undefined);
        const named = changedRecord(record, {
          unverified: [identity("node-a")],
          barrierPending: [identity("node-a")],
        });
        await world.answerOf(
          world.other.updateStatus(
            "AzVolume",
            { ...present, status: { ...present.status, record: named } },
            never,
          ),
        );
        await world.clock.advance(5_000);
        assert.equal(flush.calls, 1);
      });
    }));

  it("reads Azure soon after an attachment was erased together with its finalizer", () =>
    withControllerPorts(async (world) => {
      await world.given("AzDriverNode", aDriverNode("node-a"));
      await world.given("AzVolume", aVolumeWithRecord({}));
      await world.given(
        "AzVolumeAttachment",
        aReplica("node-a", { metadata: { finalizers: [ATTACHMENT_FINALIZER] } }),
      );
      const disk = aDisk({ tags: driverTags(aVolume(), "cluster-1"), attachedTo: [instanceUriOf("node-a")] });
      const inspectInstance: CloudProvisioner["inspectInstance"] = async (asked, signal) => {
        const found = await world.ports.cloud.inspectInstance(asked, signal);
        return found.ok
          ? ok({ ...found.value, dataDisks: [{ diskUri, lun: 0, beingDetached: false }] })
          : found;
      };
      world.instances.set(instanceUriOf("node-a"), identity("node-a").vmId);
      // The VM lists the disk: there is no proof that it is detached.
      const prove = async () => ok(undefined);
      const cloud = {
        listDisks: async () => ok([disk]),
        getDisk: async () => ok(disk),
        inspectInstance,
        ...barrierByMode(world.ports.cloud, { prove }),
      };
      await whileRunning(world, cloud, async () => {
        await world.clock.advance(30_000);
        const present = world.attachment("node-a") ?? assert.fail("no attachment");
        const { metadata } = present;
        await world.answerOf(
          world.other.update(
            "AzVolumeAttachment",
            { ...present, metadata: { ...metadata, finalizers: [] } },
            never,
          ),
        );
        await world.answerOf(world.other.delete("AzVolumeAttachment", metadata.name, {}, never));
        assert.equal(world.attachment("node-a"), undefined);
        await world.clock.advance(15_000);
        const made = world.attachment("node-a") ?? assert.fail("nothing says that node-a has the disk");
        assert.deepEqual([made.spec.role, made.status?.state], ["Replica", "Attached"]);
      });
    }));
});
