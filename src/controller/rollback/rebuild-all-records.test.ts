import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { COUNTER_MAX } from "../../core/api/epoch.ts";
import {
  annotatedNumber,
  CONTROLLER_LEASE,
  STORE_INCARNATION_ANNOTATION,
  REBUILD_ANNOTATION,
} from "../../core/api/lease.ts";
import { fail, ok } from "../../core/failure/result.ts";
import {
  LONE_REPORTS_ANNOTATION,
  STORE_ROLLED_BACK,
  rolledBackReason,
} from "../../core/rollback/rollback-reports.ts";
import {
  aDetail,
  agoMs,
  anAttachment,
  aRecord,
  attachmentName,
  aVolume,
  aVolumeWithRecord,
  aWriter,
  diskUri,
  identity,
  instanceUriOf,
} from "../../core/testing/objects.ts";
import { listIn } from "../../core/testing/record-lists.ts";
import type { CloudProvisioner } from "../../ports/cloud/cloud-provisioner.ts";
import type { Reconciled } from "../../runtime/queue/control-loop.ts";
import { type ReconcileWorld, withControllerPorts } from "../testing/a-controller.ts";
import { aDisk } from "../testing/a-disk.ts";
import { aDriverNode } from "../testing/a-driver-node.ts";
import { must } from "../testing/settled.ts";
import { rebuildReconciler } from "./rebuild-all-records.ts";

const never = new AbortController().signal;
const a = identity("node-a");
const b = identity("node-b");

async function withIncarnation(
  incarnation: number,
  act: (world: ReconcileWorld) => Promise<void>,
  mark = 0,
): Promise<void> {
  await withControllerPorts(async (world) => {
    const lease = {
      metadata: {
        name: CONTROLLER_LEASE,
        annotations: {
          [STORE_INCARNATION_ANNOTATION]: String(incarnation),
          [REBUILD_ANNOTATION]: String(mark),
        },
      },
      spec: {
        holderIdentity: "controller",
        leaseDurationSeconds: 15,
        renewTime: agoMs(0),
        leaseTransitions: 0,
      },
    };
    assert.ok((await world.other.create("Lease", lease, never)).ok);
    world.disks.add(diskUri);
    world.instances.set(instanceUriOf("node-a"), a.vmId);
    await act(world);
  });
}

/** Runs `during` while the first disk is read. Azure fails for the disk `failing`. */
function rebuild(
  world: ReconcileWorld,
  during: () => Promise<void> = async () => undefined,
  failing?: string,
): Promise<Reconciled> {
  let hasHappened = false;
  const getDisk: CloudProvisioner["getDisk"] = async (asked) => {
    if (asked.diskUri === failing)
      return fail({ kind: "CloudUnavailable", code: "InternalError", message: "", requestId: "" });
    if (!hasHappened) await during();
    hasHappened = true;
    return ok(aDisk({ attachedTo: [instanceUriOf("node-a")] }));
  };
  const cloud: CloudProvisioner = { ...world.ports.cloud, getDisk };
  return world.answerOf(rebuildReconciler({ ...world.ports, cloud }).reconcile("store", never));
}

/** The present and the next store incarnation in the Lease. */
async function incarnations(world: ReconcileWorld): Promise<readonly [number, number]> {
  const lease = await must(world.other.get("Lease", CONTROLLER_LEASE, never));
  return [annotatedNumber(lease, STORE_INCARNATION_ANNOTATION), annotatedNumber(lease, REBUILD_ANNOTATION)];
}

async function setIncarnations(world: ReconcileWorld, incarnation: number, mark: number): Promise<void> {
  const lease = await must(world.other.get("Lease", CONTROLLER_LEASE, never));
  const annotations = {
    ...lease.metadata.annotations,
    [STORE_INCARNATION_ANNOTATION]: String(incarnation),
    [REBUILD_ANNOTATION]: String(mark),
  };
  await must(world.other.update("Lease", { ...lease, metadata: { ...lease.metadata, annotations } }, never));
}

describe("rebuildReconciler", () => {
  it("rebuilds every record for the marked incarnation, then raises the store's", () =>
    withIncarnation(
      1,
      async (world) => {
        await world.given("AzVolume", aVolumeWithRecord({ writer: aWriter("node-b"), storeIncarnation: 1 }));
        await rebuild(world, async () => assert.deepEqual(await incarnations(world), [1, 5]));
        assert.deepEqual(
          world.record(),
          aRecord({
            defaultAccess: "quarantined",
            unverified: [identity("node-a"), b],
            barrierPending: [a, b],
            epoch: 1,
            storeIncarnation: 5,
          }),
        );
        assert.deepEqual(await incarnations(world), [5, 0]);
      },
      5,
    ));

  it("does not end the rebuild that another leader has begun while it was paused", () =>
    withIncarnation(
      1,
      async (world) => {
        await world.given("AzVolume", aVolumeWithRecord({ writer: aWriter("node-b"), storeIncarnation: 1 }));
        await rebuild(world, () => setIncarnations(world, 2, 3));
        assert.deepEqual(
          await incarnations(world),
          [2, 3],
          "no record is trusted until that rebuild has ended, too",
        );
      },
      2,
    ));

  it("does not request again what another leader has rebuilt since the report", () =>
    withIncarnation(1, async (world) => {
      const condition = {
        type: STORE_ROLLED_BACK,
        status: "True" as const,
        reason: rolledBackReason(1),
        message: "",
        lastTransitionTime: agoMs(0),
      };
      await world.given("AzDriverNode", aDriverNode("node-a", { conditions: [condition] }));
      world.store.failNext({ fault: "conflict", verb: "update", kind: "Lease" });
      const rebuilding = rebuild(world);
      await setIncarnations(world, 2, 0);
      await rebuilding;
      assert.deepEqual(await incarnations(world), [2, 0]);
    }));

  for (const storeIncarnation of [2, 4]) {
    it(`rebuilds a record of another incarnation: ${storeIncarnation} in a store of 3`, () =>
      withIncarnation(3, async (world) => {
        await world.given("AzVolume", aVolumeWithRecord({ writer: aWriter("node-b"), storeIncarnation }));
        assert.deepEqual(await rebuild(world), { ok: true, value: {} });
        assert.deepEqual(
          world.record(),
          aRecord({
            defaultAccess: "quarantined",
            unverified: [identity("node-a"), b],
            barrierPending: [a, b],
            epoch: 1,
            storeIncarnation: 3,
          }),
        );
      }));
  }

  it("requests a read for an attachment whose disk is being detached", () =>
    withIncarnation(1, async (world) => {
      await world.given("AzVolume", aVolumeWithRecord({ storeIncarnation: 0 }));
      const own = anAttachment("node-a");
      await world.given("AzVolumeAttachment", {
        ...own,
        metadata: { ...own.metadata, name: attachmentName("node-a") },
      });
      const { inspectInstance } = world.ports.cloud;
      world.ports.cloud.inspectInstance = async (request, signal) => {
        const instance = await inspectInstance(request, signal);
        return instance.ok
          ? ok({ ...instance.value, dataDisks: [{ diskUri, lun: 4, beingDetached: true }] })
          : instance;
      };
      await rebuild(world);
      assert.deepEqual(listIn(world.record(), "unverified"), [identity("node-a")]);
      assert.deepEqual(
        [world.attachment("node-a")?.status?.lun, world.attachment("node-a")?.status?.deviceMissing],
        [4, true],
      );
    }));

  it("distrusts nodes with a checkpoint also where Azure does not show the disk there", () =>
    withIncarnation(3, async (world) => {
      await world.given("AzVolume", aVolumeWithRecord({ storeIncarnation: 2 }));
      const checkpointed = (nodeName: string, volumeName: string, epoch: number): Promise<unknown> =>
        world.given(
          "AzDriverNode",
          aDriverNode(nodeName, {
            vmId: identity(nodeName).vmId,
            volumes: [{ volumeName, uid: "uid-pvc-1", epoch }],
          }),
        );
      await checkpointed("node-a", "pvc-1", 3);
      await checkpointed("node-b", "pvc-1", 4);
      await checkpointed("node-c", "pvc-2", 9);
      await rebuild(world);
      assert.deepEqual(
        world.record(),
        aRecord({
          defaultAccess: "quarantined",
          unverified: [identity("node-a"), { ...b, unconfirmed: true }],
          barrierPending: [a, b],
          epoch: 4,
          storeIncarnation: 3,
        }),
      );
    }));

  it("uses only the epoch of a checkpoint that was made on another VM", () =>
    withIncarnation(3, async (world) => {
      await world.given("AzVolume", aVolumeWithRecord({ storeIncarnation: 2 }));
      const { vmId, instanceUri } = identity("node-c");
      const copied = {
        volumeName: "pvc-1",
        uid: "uid-pvc-1",
        epoch: 4,
        checkpointedOn: { vmId, instanceUri },
      };
      await world.given("AzDriverNode", aDriverNode("node-b", { volumes: [copied] }));
      await rebuild(world);
      assert.deepEqual(listIn(world.record(), "unverified"), [identity("node-a")]);
      assert.equal(world.record()?.epoch, 4);
    }));

  it("distrusts recorded and attached nodes where neither Azure nor checkpoints do", () =>
    withIncarnation(3, async (world) => {
      await world.given(
        "AzVolume",
        aVolumeWithRecord({
          storeIncarnation: 2,
          writer: aWriter("node-b"),
          unverified: [identity("node-c")],
        }),
      );
      await world.given(
        "AzVolumeAttachment",
        anAttachment("node-d", { status: { vmId: identity("node-d").vmId } }),
      );
      await rebuild(world);
      assert.deepEqual(
        listIn(world.record(), "unverified").map(({ nodeName, unconfirmed = false }) => [
          nodeName,
          unconfirmed,
        ]),
        [
          ["node-a", false],
          ["node-b", false],
          ["node-c", false],
          ["node-d", true],
        ],
      );
    }));

  it("believes one node alone once in ten minutes, and two nodes always", () =>
    withIncarnation(1, async (world) => {
      const reports = async (nodeName: string, incarnation: number): Promise<void> => {
        const condition = {
          type: STORE_ROLLED_BACK,
          status: "True" as const,
          reason: rolledBackReason(incarnation),
          message: "",
          lastTransitionTime: agoMs(0),
        };
        const present = await must(world.other.get("AzDriverNode", nodeName, never));
        assert.ok(present.status !== undefined);
        await must(
          world.other.updateStatus(
            "AzDriverNode",
            { ...present, status: { ...present.status, conditions: [condition] } },
            never,
          ),
        );
        await world.clock.advance(1_000);
      };
      for (const nodeName of ["node-a", "node-b"]) await world.given("AzDriverNode", aDriverNode(nodeName));
      await reports("node-a", 1);
      await rebuild(world);
      assert.deepEqual(
        await incarnations(world),
        [2, 0],
        "it may be the only one that beat since the backup",
      );
      const lease = await must(world.other.get("Lease", CONTROLLER_LEASE, never));
      assert.match(lease.metadata.annotations?.[LONE_REPORTS_ANNOTATION] ?? "", /^\{"node-a":\d+\}$/u);
      await reports("node-a", 2);
      const limited = await rebuild(world);
      assert.ok(limited.ok && (limited.value.requeueAfterMs ?? 0) > 590_000, JSON.stringify(limited));
      assert.deepEqual(
        [await incarnations(world), world.emitted.map(({ reason }) => reason)],
        [[2, 0], ["RollbackUnconfirmed"]],
      );
      await reports("node-b", 2);
      await rebuild(world);
      assert.deepEqual(await incarnations(world), [3, 0], "a second witness");
      await reports("node-a", 3);
      await world.clock.advance(600_000);
      await rebuild(world);
      assert.deepEqual(await incarnations(world), [4, 0], "ten minutes have passed");
    }));

  it("ignores an epoch out of range, which would exhaust the record's numbers", () =>
    withIncarnation(3, async (world) => {
      await world.given("AzVolume", aVolumeWithRecord({ epoch: 4, storeIncarnation: 2 }));
      const volumes = (epoch: number) => ({ volumes: [{ volumeName: "pvc-1", uid: "uid-pvc-1", epoch }] });
      await world.given("AzDriverNode", aDriverNode("node-b", volumes(COUNTER_MAX)));
      await world.given("AzDriverNode", aDriverNode("node-c", volumes(9)));
      await rebuild(world);
      assert.equal(world.record()?.epoch, 9);
    }));

  it("rebuilds the others where one volume fails, reports that one, and retries it", () =>
    withIncarnation(
      1,
      async (world) => {
        const failing = diskUri.replace("pvc-1", "pvc-0");
        await world.given(
          "AzVolume",
          aVolume({
            metadata: { name: "pvc-0" },
            status: { detail: aDetail({ diskUri: failing }), record: aRecord({ storeIncarnation: 1 }) },
          }),
        );
        await world.given("AzVolume", aVolumeWithRecord({ storeIncarnation: 1 }));
        const rebuilt = await rebuild(world, undefined, failing);
        assert.equal(rebuilt.ok ? undefined : rebuilt.failure.kind, "CloudUnavailable");
        assert.deepEqual(await incarnations(world), [2, 0]);
        const incarnationOf = (name: string): number | undefined =>
          world.ports.cache.list("AzVolume").find(({ metadata }) => metadata.name === name)?.status?.record
            ?.storeIncarnation;
        await world.clock.advance(1_000);
        assert.deepEqual([incarnationOf("pvc-0"), incarnationOf("pvc-1")], [1, 2]);
        assert.deepEqual(
          world.emitted.map(({ reason, about }) => [reason, about.name]),
          [["RecordNotVerified", "pvc-0"]],
        );
        assert.equal((await rebuild(world)).ok, true);
        await world.clock.advance(1_000);
        assert.equal(incarnationOf("pvc-0"), 2);
      },
      2,
    ));

  it("leaves records of the store's own incarnation alone", () =>
    withIncarnation(3, async (world) => {
      await world.given("AzVolume", aVolumeWithRecord({ writer: aWriter("node-a"), storeIncarnation: 3 }));
      const commits = world.commits.length;
      assert.deepEqual(await rebuild(world), { ok: true, value: {} });
      assert.equal(world.commits.length, commits);
    }));

  it("records the size of a disk that has grown since its volume's backup", () =>
    withIncarnation(1, async (world) => {
      await world.given(
        "AzVolume",
        aVolume({ status: { detail: aDetail({ sizeGiB: 4 }), record: aRecord({ storeIncarnation: 0 }) } }),
      );
      await rebuild(world);
      assert.equal(world.volume()?.status?.detail?.sizeGiB, 10);
    }));

  it("records the size of a disk that has grown since the store's backup", () =>
    withIncarnation(3, async (world) => {
      await world.given(
        "AzVolume",
        aVolume({ status: { record: aRecord({ storeIncarnation: 2 }), detail: aDetail({ sizeGiB: 4 }) } }),
      );
      await rebuild(world);
      assert.deepEqual(world.volume()?.status?.detail, aDetail());
    }));
});
