import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { LIMIT_MS } from "../../../adapters/virtual/testing/settled-on.ts";
import type { AttachmentStatus } from "../../../core/api/az-volume-attachment.ts";
import type { AzVolume } from "../../../core/api/az-volume.ts";
import { ATTACHMENT_FINALIZER } from "../../../core/api/finalizers.ts";
import { fail, ok } from "../../../core/failure/result.ts";
import {
  anAttachment,
  aReplica,
  attachmentName,
  aVolumeWithRecord,
  aWriter,
  diskUri,
  identity,
} from "../../../core/testing/objects.ts";
import { must } from "../../../core/testing/value-of.ts";
import type { CloudProvisioner, InstanceFacts } from "../../../ports/cloud/cloud-provisioner.ts";
import { mayCompleteDetach } from "../../fencing/foreign-detach.ts";
import { type ReconcileWorld, withControllerPorts } from "../../testing/a-controller.ts";
import { aDriverNode } from "../../testing/a-driver-node.ts";
import { anInstance } from "../../testing/an-instance.ts";
import { attachmentReconciler } from "../attachment-reconciler.ts";

const never = new AbortController().signal;
const a = identity("node-a");
const name = attachmentName("node-a");
const holds = aWriter("node-a", { requested: false });
const entry = { diskUri, lun: 4, beingDetached: false };
/** The end of a mark does not wake the loop of an attachment that is being deleted. */
const again = ok({ requeueAfterMs: 0 });
const conflict = fail({ kind: "ObjectConflict", objectKind: "AzVolumeAttachment", name });
const refused = fail({ kind: "Refused", diskUri, nodeName: "node-a" });
const refused412 = {
  kind: "CloudUnavailable",
  code: "PreconditionFailed",
  message: "the VM has changed",
  requestId: "",
} as const;
/** A detach that was marked, of an attachment that is being deleted; its node has acquired the volume. */
async function givenMark(
  world: ReconcileWorld,
  {
    status = {},
    writer = holds,
  }: { readonly status?: Partial<AttachmentStatus>; readonly writer?: typeof holds } = {},
): Promise<void> {
  await world.given("AzDriverNode", aDriverNode("node-a"));
  await world.given("AzVolume", aVolumeWithRecord({ writer, epoch: 1 }));
  const marked = anAttachment("node-a", {
    metadata: { finalizers: [ATTACHMENT_FINALIZER] },
    status: { state: "Detaching", attempt: "mark-1", lun: 0, ...status },
  });
  await world.given("AzVolumeAttachment", marked);
  await world.markDeleted("AzVolumeAttachment", name);
}

/** Reconciles with the VM as it is after the barrier, and says what the barrier was asked. */
async function reconcile(
  world: ReconcileWorld,
  {
    dataDisks = [entry],
    vmId = a.vmId,
    ...cloud
  }: Partial<CloudProvisioner & Pick<InstanceFacts, "dataDisks" | "vmId">> = {},
): Promise<readonly unknown[]> {
  const asked: unknown[] = [];
  const calls: Partial<CloudProvisioner> = {
    barrier: async (request, signal) => {
      asked.push(request.mode);
      return world.ports.cloud.barrier(request, signal);
    },
    inspectInstance: async () => {
      asked.push("inspect");
      return ok(anInstance("node-a", { dataDisks, vmId }));
    },
    detachDisk: () => assert.fail("a detach"),
    ...cloud,
  };
  const ports = { ...world.ports, cloud: { ...world.ports.cloud, ...calls } };
  return [await attachmentReconciler(ports).reconcile(name, never), asked];
}

const run = (...asked: Parameters<typeof reconcile>): ReturnType<typeof reconcile> =>
  asked[0].answerOf(reconcile(...asked));

const statusOf = (world: ReconcileWorld): AttachmentStatus =>
  world.attachment("node-a")?.status ?? assert.fail("no attachment with a status");

async function setMark(world: ReconcileWorld, status: Partial<AttachmentStatus>): Promise<void> {
  const present = world.attachment("node-a") ?? assert.fail("no attachment");
  const changed = { ...present, status: { ...statusOf(world), ...status } };
  await must(world.other.updateStatus("AzVolumeAttachment", changed, never));
}

describe("takeBackDetach", () => {
  for (const state of ["Detaching", "DetachmentFailed"] as const)
    it(`gives a writer its disk's place back once the VM's ETag has moved (${state})`, () =>
      withControllerPorts(async (world) => {
        await givenMark(world, { status: { state } });
        assert.deepEqual(await run(world), [again, ["flush", "inspect"]]);
        const { vmId, instanceUri } = a;
        assert.deepEqual(statusOf(world), {
          ...{ role: "Primary", state: "Attached", vmId, instanceUri, lun: 4 },
        });
        assert.deepEqual(world.steps, ["flush", "record-attached"]);
        // Its node releases the volume by that place. Until then nothing is done.
        assert.deepEqual(await run(world), [ok({}), []]);
      }));

  it("does so before the attachment of a requested writer is made again", () =>
    withControllerPorts(async (world) => {
      await givenMark(world, { writer: aWriter("node-a") });
      const { uid } = world.attachment("node-a")?.metadata ?? {};
      assert.deepEqual(await run(world), [again, ["flush", "inspect"]], "it is due at once");
      assert.equal(world.attachment("node-a")?.metadata.uid, uid);
      assert.deepEqual(await run(world), [ok({}), []]);
      assert.notEqual(world.attachment("node-a")?.metadata.uid, uid);
    }));

  it("makes no attachment again from which a detach was begun since the plan", () =>
    withControllerPorts(async (world) => {
      await givenMark(world, { writer: aWriter("node-a"), status: { state: "Attached" } });
      const { uid } = world.attachment("node-a")?.metadata ?? {};
      world.store.holdWatches(true);
      await setMark(world, { state: "Detaching", attempt: "mark-2" });
      assert.deepEqual(await run(world), [conflict, []], "it is planned again");
      assert.equal(world.attachment("node-a")?.metadata.uid, uid);
      assert.equal(statusOf(world).state, "Detaching");
    }));

  it("lets no detach land that was marked before, and is under way", () =>
    withControllerPorts(async (world) => {
      await givenMark(world, { status: { state: "Attached" } });
      const until = async (isGranted: boolean): Promise<void> => {
        const isShown = (volume: AzVolume | undefined): boolean =>
          (volume?.status?.record?.writer !== undefined) === isGranted;
        await world.ports.cache.waitUntil("AzVolume", "pvc-1", isShown, LIMIT_MS, never);
      };
      await world.setRecord(({ writer: _, ...record }) => record);
      await world.answerOf(until(false));
      const vm = { etag: 1, dataDisks: [entry] };
      const barrier: CloudProvisioner["barrier"] = async ({ precondition }, signal) => {
        assert.ok(await precondition(signal));
        vm.etag += 1;
        return ok(undefined);
      };
      const detachDisk: CloudProvisioner["detachDisk"] = async ({ precondition }, signal) => {
        const ifMatch = vm.etag;
        assert.ok(await precondition(signal));
        // While it is on its way a grant lands that was decided before the deletion. The node acquires.
        await world.setRecord((record) => ({ ...record, writer: holds }));
        await until(true);
        assert.deepEqual(await reconcile(world, { barrier, dataDisks: vm.dataDisks }), [again, ["inspect"]]);
        assert.deepEqual([statusOf(world).state, statusOf(world).lun], ["Attached", 4]);
        if (vm.etag === ifMatch) vm.dataDisks = [];
        return fail(refused412);
      };
      assert.deepEqual(await run(world, { detachDisk }), [fail(refused412), []]);
      assert.deepEqual(vm.dataDisks, [entry]);
      assert.equal(statusOf(world).state, "Attached", "the end of a former detach is not recorded");
    }));

  it("leaves the mark of a detach that was begun since, with another attempt", () =>
    withControllerPorts(async (world) => {
      await givenMark(world);
      world.during.flush = () => setMark(world, { attempt: "mark-2" });
      assert.deepEqual(await run(world), [conflict, ["flush", "inspect"]], "it is planned again");
      assert.deepEqual([statusOf(world).state, statusOf(world).attempt], ["Detaching", "mark-2"]);
    }));

  it("plans again where the cache does not show yet that the mark is gone", () =>
    withControllerPorts(async (world) => {
      await givenMark(world);
      world.store.holdWatches(true);
      await setMark(world, { state: "Attached" });
      assert.deepEqual(await run(world), [conflict, []]);
    }));

  it("sends no update for a mark that is gone by then", () =>
    withControllerPorts(async (world) => {
      await givenMark(world);
      const barrier: CloudProvisioner["barrier"] = async (request, signal) => {
        await setMark(world, { attempt: "mark-2" });
        return world.ports.cloud.barrier(request, signal);
      };
      assert.deepEqual(await run(world, { barrier }), [refused, []]);
    }));

  it("comes again where it could not read whether the mark still stands", () =>
    withControllerPorts(async (world) => {
      await givenMark(world);
      const barrier: CloudProvisioner["barrier"] = async (request, signal) => {
        world.store.setReachable(false);
        return world.ports.cloud.barrier(request, signal);
      };
      assert.deepEqual(await run(world, { barrier }), [refused, []]);
    }));

  it("leaves the mark that an update has changed which carries out a foreign detach", () =>
    withControllerPorts(async (world) => {
      await world.given("AzDriverNode", aDriverNode("node-a"));
      await world.given("AzVolume", aVolumeWithRecord({}));
      await world.given(
        "AzVolumeAttachment",
        aReplica("node-a", { status: { state: "Detaching", attempt: "mark-1", lun: 4 } }),
      );
      // Others ask for the detach right after this read; an attach of another disk sends it.
      const inspectInstance: CloudProvisioner["inspectInstance"] = async (_, signal) => {
        assert.ok(await mayCompleteDetach(world.ports, { node: a })([diskUri], signal));
        return ok(anInstance("node-a", { dataDisks: [entry] }));
      };
      assert.deepEqual(await run(world, { inspectInstance }), [conflict, ["flush"]]);
      assert.equal(
        statusOf(world).state,
        "Detaching",
        "its node may be granted the volume, and mounts nothing",
      );
      assert.notEqual(statusOf(world).attempt, "mark-1");
      assert.deepEqual(world.emitted, [], "others have not begun it");
    }));

  for (const [because, vm] of [
    ["the VM does not list the disk", { dataDisks: [] }],
    ["another VM is at that resource id", { vmId: "another-vm" }],
  ] as const)
    it(`records that nothing is attached where ${because}`, () =>
      withControllerPorts(async (world) => {
        await givenMark(world);
        assert.deepEqual(await run(world, vm), [again, ["flush", "inspect"]]);
        assert.deepEqual(statusOf(world), { state: "Pending" });
      }));

  it("records that nothing is attached once the VM is proven gone", () =>
    withControllerPorts(async (world) => {
      await givenMark(world);
      world.disks.add(diskUri);
      const gone: Partial<CloudProvisioner> = {
        barrier: async () => fail({ kind: "InstanceNotFound", nodeName: "node-a" }),
        inspectInstance: () => assert.fail("a read of a VM that is gone"),
      };
      const unknown = { nodeName: "node-a", instanceUri: a.instanceUri, problem: "moved" };
      const unproven = fail({ kind: "InstanceUnknown", ...unknown } as const);
      const proveGone: CloudProvisioner["proveGone"] = async () => unproven;
      assert.deepEqual(await run(world, { ...gone, proveGone }), [unproven, []]);
      assert.equal(statusOf(world).state, "Detaching", "a 404 alone proves nothing");
      assert.deepEqual(
        world.emitted.map(({ reason }) => reason),
        ["BarrierPending"],
      );
      assert.deepEqual(await run(world, gone), [again, []]);
      assert.deepEqual(statusOf(world), { state: "Pending" });
    }));

  it("records that nothing is attached where the disk is gone with its VM", () =>
    withControllerPorts(async (world) => {
      await givenMark(world);
      const problem = "there is no disk either, which would name its owners";
      const gone: Partial<CloudProvisioner> = {
        barrier: async () => fail({ kind: "InstanceNotFound", nodeName: "node-a" }),
        proveGone: async () =>
          fail({ kind: "InstanceUnknown", nodeName: "node-a", instanceUri: a.instanceUri, problem }),
        getDisk: async ({ diskUri: asked }) => fail({ kind: "DiskNotFound", diskUri: asked }),
      };
      const unread = fail(refused412);
      const getDisk = (): never => assert.fail("another read after one that failed");
      assert.deepEqual(await run(world, { ...gone, proveGone: async () => unread, getDisk }), [unread, []]);
      assert.equal(statusOf(world).state, "Detaching");
      const reported = world.emitted.length;
      assert.deepEqual(await run(world, gone), [again, []]);
      assert.deepEqual(statusOf(world), { state: "Pending" });
      assert.equal(world.emitted.length, reported);
      assert.equal(world.ports.cache.get("AzVolume", "pvc-1")?.status?.record?.writer?.nodeName, "node-a");
      assert.deepEqual(await run(world, gone), [ok({}), []], "and it ends: the record is for the fence");
    }));

  it("comes again where the VM is back before it is proven gone", () =>
    withControllerPorts(async (world) => {
      await givenMark(world);
      world.instances.set(a.instanceUri, a.vmId);
      const missing = fail({ kind: "InstanceNotFound", nodeName: "node-a" } as const);
      assert.deepEqual(await run(world, { barrier: async () => missing }), [missing, []]);
      assert.equal(statusOf(world).state, "Detaching");
    }));

  it("keeps the mark while the VM lists the disk as one that is coming off", () =>
    withControllerPorts(async (world) => {
      await givenMark(world);
      const [answer] = await run(world, { dataDisks: [{ ...entry, beingDetached: true }] });
      assert.ok(typeof answer === "object" && answer !== null && "ok" in answer && answer.ok === false);
      assert.equal(statusOf(world).state, "Detaching");
    }));

  it("keeps the mark and reports it where no update moves the VM's ETag", () =>
    withControllerPorts(async (world) => {
      await givenMark(world);
      const { nodeName, instanceUri } = a;
      const stuck = { kind: "EtagNotMoved", nodeName, instanceUri, retryAfterMs: 60_000 } as const;
      const [answer] = await run(world, { barrier: async () => fail(stuck) });
      assert.deepEqual(answer, fail(stuck));
      assert.equal(statusOf(world).state, "Detaching");
      assert.ok(world.emitted.some(({ reason }) => reason === "EtagNotMoved"));
    }));
});
