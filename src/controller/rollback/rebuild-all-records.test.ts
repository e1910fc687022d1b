import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { COUNTER_MAX } from "../../core/api/epoch.ts";
import { annotatedNumber, CONTROLLER_LEASE, STORE_GENERATION_ANNOTATION, SWEEP_ANNOTATION } from "../../core/api/lease.ts";
import { fail, ok } from "../../core/failure/result.ts";
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
import { LONE_REPORTS_ANNOTATION, STORE_WENT_BACK, wentBackReason } from "../../objects/rollback-reports.ts";
import type { CloudProvisioner } from "../../ports/cloud/cloud-provisioner.ts";
import type { Reconciled } from "../../runtime/queue/control-loop.ts";
import { type ReconcileWorld, withControllerPorts } from "../testing/a-controller.ts";
import { aDisk } from "../testing/a-disk.ts";
import { aDriverNode } from "../testing/a-driver-node.ts";
import { must } from "../testing/settled.ts";
import { sweepReconciler } from "./rebuild-all-records.ts";

const never = new AbortController().signal;
const a = identity("node-a");
const b = identity("node-b");

async function withGeneration(generation: number, act: (world: ReconcileWorld) => Promise<void>, mark = 0): Promise<void> {
  await withControllerPorts(async (world) => {
    const lease = {
      metadata: { name: CONTROLLER_LEASE, annotations: { [STORE_GENERATION_ANNOTATION]: String(generation), [SWEEP_ANNOTATION]: String(mark) } },
      spec: { holderIdentity: "controller", leaseDurationSeconds: 15, renewTime: agoMs(0), leaseTransitions: 0 },
    };
    assert.ok((await world.other.create("Lease", lease, never)).ok);
    world.disks.add(diskUri);
    world.instances.set(instanceUriOf("node-a"), a.vmId);
    await act(world);
  });
}

/** `meanwhile` happens while the first disk is looked at. Azure can't say anything of the disk `failing`. */
function sweep(world: ReconcileWorld, meanwhile: () => Promise<void> = async () => undefined, failing?: string): Promise<Reconciled> {
  let hasHappened = false;
  const getDisk: CloudProvisioner["getDisk"] = async (asked) => {
    if (asked.diskUri === failing) return fail({ kind: "CloudUnavailable", code: "InternalError", message: "", requestId: "" });
    if (!hasHappened) await meanwhile();
    hasHappened = true;
    return ok(aDisk({ attachedTo: [instanceUriOf("node-a")] }));
  };
  const cloud: CloudProvisioner = { ...world.ports.cloud, getDisk };
  return world.answerOf(sweepReconciler({ ...world.ports, cloud }).reconcile("store", never));
}

/** What the Lease says of generations: the one that is, and the one to come. */
async function generations(world: ReconcileWorld): Promise<readonly [number, number]> {
  const lease = await must(world.other.get("Lease", CONTROLLER_LEASE, never));
  return [annotatedNumber(lease, STORE_GENERATION_ANNOTATION), annotatedNumber(lease, SWEEP_ANNOTATION)];
}

async function setGenerations(world: ReconcileWorld, generation: number, mark: number): Promise<void> {
  const lease = await must(world.other.get("Lease", CONTROLLER_LEASE, never));
  const annotations = { ...lease.metadata.annotations, [STORE_GENERATION_ANNOTATION]: String(generation), [SWEEP_ANNOTATION]: String(mark) };
  await must(world.other.update("Lease", { ...lease, metadata: { ...lease.metadata, annotations } }, never));
}

describe("sweepReconciler", () => {
  it("proves every record anew for the very generation that the mark names, and only then raises the store's", () =>
    withGeneration(
      1,
      async (world) => {
        await world.given("AzVolume", aVolumeWithRecord({ writer: aWriter("node-b"), storeGeneration: 1 }));
        await sweep(world, async () => assert.deepEqual(await generations(world), [1, 5]));
        assert.deepEqual(world.record(), aRecord({ foundInUse: true, unproven: [identity("node-a"), b], unsettled: [a, b], epoch: 1, storeGeneration: 5 }));
        assert.deepEqual(await generations(world), [5, 0]);
      },
      5,
    ));

  it("does not end the sweep that another leader has begun since, where it stood still in the middle of its own", () =>
    withGeneration(
      1,
      async (world) => {
        await world.given("AzVolume", aVolumeWithRecord({ writer: aWriter("node-b"), storeGeneration: 1 }));
        await sweep(world, () => setGenerations(world, 2, 3));
        assert.deepEqual(await generations(world), [2, 3], "nobody trusts a record until that sweep has ended, too");
      },
      2,
    ));

  it("does not mark anew what another leader has swept since it was reported", () =>
    withGeneration(1, async (world) => {
      const condition = { type: STORE_WENT_BACK, status: "True" as const, reason: wentBackReason(1), message: "", lastTransitionTime: agoMs(0) };
      await world.given("AzDriverNode", aDriverNode("node-a", { conditions: [condition] }));
      world.store.failNext({ fault: "conflict", verb: "update", kind: "Lease" });
      const sweeping = sweep(world);
      await setGenerations(world, 2, 0);
      await sweeping;
      assert.deepEqual(await generations(world), [2, 0]);
    }));

  for (const storeGeneration of [2, 4]) {
    it(`proves a record anew that another generation left behind: ${storeGeneration} in a store of 3`, () =>
      withGeneration(3, async (world) => {
        await world.given("AzVolume", aVolumeWithRecord({ writer: aWriter("node-b"), storeGeneration }));
        assert.deepEqual(await sweep(world), { ok: true, value: {} });
        assert.deepEqual(world.record(), aRecord({ foundInUse: true, unproven: [identity("node-a"), b], unsettled: [a, b], epoch: 1, storeGeneration: 3 }));
      }));
  }

  it("has an attachment looked at once more whose disk is just being taken off: a writer there would be cut off as that ends", () =>
    withGeneration(1, async (world) => {
      await world.given("AzVolume", aVolumeWithRecord({ storeGeneration: 0 }));
      const own = anAttachment("node-a");
      await world.given("AzVolumeAttachment", { ...own, metadata: { ...own.metadata, name: attachmentName("node-a") } });
      const { inspectInstance } = world.ports.cloud;
      world.ports.cloud.inspectInstance = async (request, signal) => {
        const instance = await inspectInstance(request, signal);
        return instance.ok ? ok({ ...instance.value, dataDisks: [{ diskUri, lun: 4, beingDetached: true }] }) : instance;
      };
      await sweep(world);
      assert.deepEqual(world.record()?.unproven, [identity("node-a")]);
      assert.deepEqual([world.attachment("node-a")?.status?.lun, world.attachment("node-a")?.status?.deviceMissing], [4, true]);
    }));

  it("asks whoever noted the volume, too, where Azure does not show the disk there: it may be behind, and the node would write without the record knowing", () =>
    withGeneration(3, async (world) => {
      await world.given("AzVolume", aVolumeWithRecord({ storeGeneration: 2 }));
      const noted = (nodeName: string, volumeName: string, epoch: number): Promise<unknown> =>
        world.given("AzDriverNode", aDriverNode(nodeName, { vmId: identity(nodeName).vmId, volumes: [{ volumeName, uid: "uid-pvc-1", epoch }] }));
      await noted("node-a", "pvc-1", 3);
      await noted("node-b", "pvc-1", 4);
      await noted("node-c", "pvc-2", 9);
      await sweep(world);
      assert.deepEqual(
        world.record(),
        aRecord({ foundInUse: true, unproven: [identity("node-a"), { ...b, unverified: true }], unsettled: [a, b], epoch: 4, storeGeneration: 3 }),
      );
    }));

  it("takes a note that was made on another VM for an epoch alone: that VM's system disk was copied", () =>
    withGeneration(3, async (world) => {
      await world.given("AzVolume", aVolumeWithRecord({ storeGeneration: 2 }));
      const { vmId, instanceUri } = identity("node-c");
      const copied = { volumeName: "pvc-1", uid: "uid-pvc-1", epoch: 4, notedOn: { vmId, instanceUri } };
      await world.given("AzDriverNode", aDriverNode("node-b", { volumes: [copied] }));
      await sweep(world);
      assert.deepEqual(world.record()?.unproven, [identity("node-a")]);
      assert.equal(world.record()?.epoch, 4);
    }));

  it("asks whoever the record or an attachment speaks of, too, where Azure does not show the disk there, and no heartbeat has told of a note yet: it writes", () =>
    withGeneration(3, async (world) => {
      await world.given("AzVolume", aVolumeWithRecord({ storeGeneration: 2, writer: aWriter("node-b"), unproven: [identity("node-c")] }));
      await world.given("AzVolumeAttachment", anAttachment("node-d", { status: { vmId: identity("node-d").vmId } }));
      await sweep(world);
      assert.deepEqual(
        world.record()?.unproven.map(({ nodeName, unverified = false }) => [nodeName, unverified]),
        [
          ["node-a", false],
          ["node-b", false],
          ["node-c", false],
          ["node-d", true],
        ],
      );
    }));

  it("believes one node alone once in ten minutes, and two nodes always", () =>
    withGeneration(1, async (world) => {
      const reports = async (nodeName: string, generation: number): Promise<void> => {
        const condition = { type: STORE_WENT_BACK, status: "True" as const, reason: wentBackReason(generation), message: "", lastTransitionTime: agoMs(0) };
        const present = await must(world.other.get("AzDriverNode", nodeName, never));
        assert.ok(present.status !== undefined);
        await must(world.other.updateStatus("AzDriverNode", { ...present, status: { ...present.status, conditions: [condition] } }, never));
        await world.clock.advance(1_000);
      };
      for (const nodeName of ["node-a", "node-b"]) await world.given("AzDriverNode", aDriverNode(nodeName));
      await reports("node-a", 1);
      await sweep(world);
      assert.deepEqual(await generations(world), [2, 0], "it may be the only one that beat since the backup");
      const lease = await must(world.other.get("Lease", CONTROLLER_LEASE, never));
      assert.match(lease.metadata.annotations?.[LONE_REPORTS_ANNOTATION] ?? "", /^\{"node-a":\d+\}$/u);
      await reports("node-a", 2);
      const limited = await sweep(world);
      assert.ok(limited.ok && (limited.value.againAfterMs ?? 0) > 590_000, JSON.stringify(limited));
      assert.deepEqual([await generations(world), world.told.map(({ reason }) => reason)], [[2, 0], ["RollbackUnconfirmed"]]);
      await reports("node-b", 2);
      await sweep(world);
      assert.deepEqual(await generations(world), [3, 0], "a second witness");
      await reports("node-a", 3);
      await world.clock.advance(600_000);
      await sweep(world);
      assert.deepEqual(await generations(world), [4, 0], "ten minutes have passed");
    }));

  it("ignores an epoch that no node can have seen: the record would run out of numbers", () =>
    withGeneration(3, async (world) => {
      await world.given("AzVolume", aVolumeWithRecord({ epoch: 4, storeGeneration: 2 }));
      const volumes = (epoch: number) => ({ volumes: [{ volumeName: "pvc-1", uid: "uid-pvc-1", epoch }] });
      await world.given("AzDriverNode", aDriverNode("node-b", volumes(COUNTER_MAX)));
      await world.given("AzDriverNode", aDriverNode("node-c", volumes(9)));
      await sweep(world);
      assert.equal(world.record()?.epoch, 9);
    }));

  it("proves the other records where one volume fails, reports that one, and tries it again", () =>
    withGeneration(
      1,
      async (world) => {
        const failing = diskUri.replace("pvc-1", "pvc-0");
        await world.given(
          "AzVolume",
          aVolume({ metadata: { name: "pvc-0" }, status: { detail: aDetail({ diskUri: failing }), record: aRecord({ storeGeneration: 1 }) } }),
        );
        await world.given("AzVolume", aVolumeWithRecord({ storeGeneration: 1 }));
        const swept = await sweep(world, undefined, failing);
        assert.equal(swept.ok ? undefined : swept.failure.kind, "CloudUnavailable");
        assert.deepEqual(await generations(world), [2, 0]);
        const generationOf = (name: string): number | undefined =>
          world.ports.cache.list("AzVolume").find(({ metadata }) => metadata.name === name)?.status?.record?.storeGeneration;
        await world.clock.advance(1_000);
        assert.deepEqual([generationOf("pvc-0"), generationOf("pvc-1")], [1, 2]);
        assert.deepEqual(
          world.told.map(({ reason, about }) => [reason, about.name]),
          [["RecordNotProven", "pvc-0"]],
        );
        assert.equal((await sweep(world)).ok, true);
        await world.clock.advance(1_000);
        assert.equal(generationOf("pvc-0"), 2);
      },
      2,
    ));

  it("leaves records of the store's own generation alone", () =>
    withGeneration(3, async (world) => {
      await world.given("AzVolume", aVolumeWithRecord({ writer: aWriter("node-a"), storeGeneration: 3 }));
      const commits = world.commits.length;
      assert.deepEqual(await sweep(world), { ok: true, value: {} });
      assert.equal(world.commits.length, commits);
    }));

  it("learns of a disk that has grown since the backup: with its old size nobody could stage it any more", () =>
    withGeneration(1, async (world) => {
      await world.given("AzVolume", aVolume({ status: { detail: aDetail({ sizeGiB: 4 }), record: aRecord({ storeGeneration: 0 }) } }));
      await sweep(world);
      assert.equal(world.volume()?.status?.detail?.sizeGiB, 10);
    }));

  it("learns the size of a disk that has grown since the backup was made: no node would take it for the volume's own", () =>
    withGeneration(3, async (world) => {
      await world.given("AzVolume", aVolume({ status: { record: aRecord({ storeGeneration: 2 }), detail: aDetail({ sizeGiB: 4 }) } }));
      await sweep(world);
      assert.deepEqual(world.volume()?.status?.detail, aDetail());
    }));
});
