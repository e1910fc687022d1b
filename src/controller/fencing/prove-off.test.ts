import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AttachmentStatus } from "../../core/api/az-volume-attachment.ts";
import { fail, ok } from "../../core/failure/result.ts";
import {
  anAttachment,
  aRecord,
  aVolumeWithRecord,
  diskUri,
  identity,
  instanceUriOf,
} from "../../core/testing/objects.ts";
import { type RecordChanges, changedRecord, listIn } from "../../core/testing/record-lists.ts";
import type { CloudProvisioner } from "../../ports/cloud/cloud-provisioner.ts";
import { type ReconcileWorld, withControllerPorts } from "../testing/a-controller.ts";
import { aDisk } from "../testing/a-disk.ts";
import { aDriverNode } from "../testing/a-driver-node.ts";
import { fenceReconciler } from "./fence-reconciler.ts";

const never = new AbortController().signal;
const a = identity("node-a");
const b = identity("node-b");
const found: RecordChanges = { defaultAccess: "quarantined", unverified: [a, b], epoch: 4 };

/**
 * A world in which the record of `pvc-1` was rebuilt during a detach from node-a, which has landed since:
 * node-a finds no device.
 */
async function withLateDetach(
  act: (world: ReconcileWorld) => Promise<void>,
  onA: Partial<AttachmentStatus> = { lun: 3, deviceMissing: true },
): Promise<void> {
  await withControllerPorts(async (world) => {
    await world.given("AzVolume", aVolumeWithRecord(found));
    for (const nodeName of ["node-a", "node-b"]) await world.given("AzDriverNode", aDriverNode(nodeName));
    await world.given("AzVolumeAttachment", anAttachment("node-a", { status: onA }));
    await world.given("AzVolumeAttachment", anAttachment("node-b"));
    world.attachedTo.add("node-b");
    world.disks.add(diskUri);
    await act(world);
  });
}

const pass = (world: ReconcileWorld): Promise<unknown> =>
  world.answerOf(fenceReconciler(world.ports).reconcile("pvc-1", never));

/** Azure, with the disk in the list of node-a's VM, and `names` in the disk's own list. */
function listing(
  { ports: { cloud } }: ReconcileWorld,
  { lun, names, beingDetached = false }: { lun: number; names: readonly string[]; beingDetached?: boolean },
): CloudProvisioner {
  return {
    ...cloud,
    getDisk: async (asked) => ok(aDisk({ ...asked, attachedTo: names.map(instanceUriOf) })),
    inspectInstance: async (request, signal) => {
      const instance = await cloud.inspectInstance(request, signal);
      return instance.ok ? ok({ ...instance.value, dataDisks: [{ diskUri, lun, beingDetached }] }) : instance;
    },
  };
}

/** A failed attach has left the disk at LUN 3 of node-a's VM; the disk names node-b alone. */
async function withFailedAttach(
  act: (world: ReconcileWorld, cloud: CloudProvisioner) => Promise<void>,
  onA?: Partial<AttachmentStatus>,
): Promise<void> {
  await withLateDetach(async (world) => {
    world.attachedTo.add("node-a");
    world.instances.set(instanceUriOf("node-a"), a.vmId);
    await act(world, listing(world, { lun: 3, names: ["node-b"] }));
  }, onA);
}

async function passOn(world: ReconcileWorld, cloud: CloudProvisioner): Promise<unknown> {
  await world.clock.advance(1_000);
  return world.answerOf(fenceReconciler({ ...world.ports, cloud }).reconcile("pvc-1", never));
}

describe("an unverified node whose VM lists a disk that does not name it", () => {
  const listed = {
    state: "AttachmentFailed",
    vmId: a.vmId,
    instanceUri: a.instanceUri,
  };
  const statusOf = (world: ReconcileWorld): unknown => {
    const { listed: { time: _, ...entry } = { time: "" }, ...status } =
      world.attachment("node-a")?.status ?? {};
    return { ...status, entry };
  };
  const recorded = { ...listed, entry: { lun: 3, storeIncarnation: 0 } };

  it("gets that place to show itself clean by: the volume would be granted to no node", () =>
    withFailedAttach(async (world, cloud) => {
      const unverified = [{ ...a, unconfirmed: true as const }, b];
      await world.setRecord((record) => changedRecord(record, { unverified }));
      await passOn(world, cloud);
      assert.deepEqual(statusOf(world), recorded);
      assert.deepEqual(world.record(), aRecord({ ...found, unverified }), "and may not reclaim by it");
      assert.deepEqual(world.readLanes, new Set(["failover"]), "a pod on another node waits for it");
      const { resourceVersion } = world.attachment("node-a")?.metadata ?? {};
      await passOn(world, cloud);
      assert.equal(world.attachment("node-a")?.metadata.resourceVersion, resourceVersion);
      const { time } = world.attachment("node-a")?.status?.listed ?? {};
      await world.clock.advance(15_000);
      await passOn(world, cloud);
      assert.notEqual(world.attachment("node-a")?.status?.listed?.time, time, "a node takes no old one");
    }));

  it("gets it, too, where another try was marked, which the rebuilt record refuses", () =>
    withFailedAttach(
      async (world, cloud) => {
        await passOn(world, cloud);
        assert.deepEqual(statusOf(world), { ...recorded, attempt: "attempt-1" });
      },
      { state: "Attaching", attempt: "attempt-1" },
    ));

  it("gets the place that the disk has once it names the VM", () =>
    withFailedAttach(async (world, cloud) => {
      await passOn(world, cloud);
      await passOn(world, listing(world, { lun: 5, names: ["node-a", "node-b"] }));
      const { vmId, instanceUri } = listed;
      assert.deepEqual(world.attachment("node-a")?.status, {
        state: "Attached",
        vmId,
        instanceUri,
        lun: 5,
      });
    }));

  it("gets no place while a container may run there, whose device it may not find", () =>
    withFailedAttach(async (world, cloud) => {
      const before = world.attachment("node-a");
      for (const use of [{ kind: "used", users: ["pod default/db-0"] }, { kind: "unknown" }] as const) {
        world.use = use;
        await passOn(world, cloud);
        assert.deepEqual(world.attachment("node-a"), before);
      }
      world.use = { kind: "used", users: ["pod default/db-0"], areWaiting: true };
      await passOn(world, cloud);
      assert.deepEqual(statusOf(world), recorded);
    }));

  it("waits for a detach that is under way", () =>
    withFailedAttach(async (world) => {
      const before = world.attachment("node-a");
      await passOn(world, listing(world, { lun: 3, names: ["node-b"], beingDetached: true }));
      assert.deepEqual([world.attachment("node-a"), world.record()], [before, aRecord(found)]);
    }));
});

describe("an unverified node that has nothing to verify itself by", () => {
  it("moves to quarantine once Azure has proven that the disk is not there", () =>
    withLateDetach(async (world) => {
      assert.deepEqual(await pass(world), { ok: true, value: { requeueAfterMs: 10_000 } });
      assert.deepEqual(
        world.record(),
        aRecord({ ...found, unverified: [b], quarantined: [identity("node-a")] }),
      );
      assert.deepEqual(world.attachment("node-a")?.status, { state: "Pending", provenOff: a.vmId });
      assert.deepEqual([...world.attachedTo], ["node-b"]);
      assert.deepEqual(await pass(world), { ok: true, value: {} });
    }));

  it("waits for no other one whose VM Azure does not show", () =>
    withLateDetach(async (world) => {
      const unverified = [
        { ...a, unconfirmed: true as const },
        { ...b, unconfirmed: true as const },
      ];
      await world.setRecord((record) => changedRecord(record, { unverified }));
      world.attachedTo.delete("node-b");
      const unread = { kind: "CloudUnavailable", code: "Unread", message: "", requestId: "" } as const;
      const cloud: CloudProvisioner = {
        ...world.ports.cloud,
        barrier: (request, signal) =>
          request.node.nodeName === "node-a"
            ? Promise.resolve(fail(unread))
            : world.ports.cloud.barrier(request, signal),
      };
      assert.deepEqual(await passOn(world, cloud), fail(unread));
      const record = world.record();
      assert.deepEqual(
        [listIn(record, "unverified"), listIn(record, "quarantined").map(({ nodeName }) => nodeName)],
        [[unverified[0]], ["node-b"]],
      );
    }));

  it("is checked again later where Azure reports that it has the disk", () =>
    withLateDetach(async (world) => {
      world.attachedTo.add("node-a");
      assert.deepEqual(await pass(world), { ok: true, value: { requeueAfterMs: 10_000 } });
      assert.deepEqual(world.record(), aRecord(found));
    }));

  it("gets the place of its disk where Azure lists it and that object was lost", () =>
    withLateDetach(async (world) => {
      world.attachedTo.add("node-a");
      world.instances.set(instanceUriOf("node-a"), a.vmId);
      const cloud = listing(world, { lun: 5, names: ["node-a", "node-b"] });
      const unverified = [{ ...a, unconfirmed: true as const }, b];
      await world.setRecord((record) => changedRecord(record, { unverified }));
      await world.clock.advance(1_000);
      await world.answerOf(fenceReconciler({ ...world.ports, cloud }).reconcile("pvc-1", never));
      const { state, lun, vmId, deviceMissing } = world.attachment("node-a")?.status ?? {};
      assert.deepEqual(
        { state, lun, vmId, deviceMissing },
        { state: "Attached", lun: 5, vmId: a.vmId, deviceMissing: undefined },
      );
      assert.deepEqual(world.record(), aRecord(found), "from now on it may reclaim");
    }));

  it("gets its place back where a detach was refused after it had been marked", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", aVolumeWithRecord(found));
      for (const nodeName of ["node-a", "node-b"]) await world.given("AzDriverNode", aDriverNode(nodeName));
      await world.given(
        "AzVolumeAttachment",
        anAttachment("node-a", { status: { state: "Detaching", lun: 3 } }),
      );
      await world.given("AzVolumeAttachment", anAttachment("node-b"));
      for (const nodeName of ["node-a", "node-b"]) world.attachedTo.add(nodeName);
      world.disks.add(diskUri);
      world.instances.set(instanceUriOf("node-a"), a.vmId);
      await passOn(world, listing(world, { lun: 3, names: ["node-a", "node-b"] }));
      const { state, lun } = world.attachment("node-a")?.status ?? {};
      assert.deepEqual([state, lun], ["Attached", 3]);
    }));

  it("stays unverified where the record was rebuilt during the proof", () =>
    withLateDetach(async (world) => {
      world.during.prove = () => world.setRecord((record) => ({ ...record, epoch: 5 }));
      assert.deepEqual(await pass(world), {
        ok: false,
        failure: { kind: "ObjectConflict", objectKind: "AzVolume", name: "pvc-1" },
      });
      assert.deepEqual(world.record(), aRecord({ ...found, epoch: 5 }));
    }));

  it("is left alone once it has itself shown what it does with the disk", () =>
    withLateDetach(async (world) => {
      const { store } = world.ports;
      const get: typeof store.get = async (kind, name, signal) => {
        const read = await store.get(kind, name, signal);
        // Right before Azure is written to.
        if (kind === "AzVolume")
          await world.setRecord((record) => changedRecord(record, { unverified: [b], clean: [a] }));
        return read;
      };
      const done = await world.answerOf(
        fenceReconciler({ ...world.ports, store: { ...store, get } }).reconcile("pvc-1", never),
      );
      assert.deepEqual(done, { ok: true, value: { requeueAfterMs: 10_000 } });
      assert.deepEqual(world.record(), aRecord({ ...found, unverified: [b], clean: [a] }));
    }));
});
