import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { anAttachment, aReplica, attachmentName, aVolume, aVolumeWithRecord, aWriter, diskUri, identity, leaving } from "../core/plan/testing/objects.ts";
import { attachmentReconciler } from "./attachment.ts";
import { ATTACHMENT_FINALIZER } from "./controller-ports.ts";
import { forgetAttach } from "./forget-attach.ts";
import { type ReconcileWorld, withControllerPorts } from "./testing/a-controller.ts";

const never = new AbortController().signal;
const a = identity("node-a");
const metadata = { finalizers: [ATTACHMENT_FINALIZER] };
const run = (world: ReconcileWorld): Promise<unknown> => world.answerOf(attachmentReconciler(world.ports).reconcile(attachmentName("node-a"), never));

async function givenNode(world: ReconcileWorld): Promise<void> {
  const made = await world.other.create("AzDriverNode", { metadata: { name: "node-a" }, spec: { nodeName: "node-a" } }, never);
  assert.ok(made.ok);
  const status = {
    lastHeartbeatTime: "",
    heartbeat: 1,
    readyForVolumeAllocation: true,
    statusMessage: "",
    conditions: [],
    maxVolumes: 8,
    location: "eastus",
    zone: "1",
    busType: "SCSI",
    vmId: a.vmId,
    volumes: [],
  } as const;
  await world.other.updateStatus("AzDriverNode", { ...made.value, status }, never);
  assert.ok(await world.clock.runUntil(() => world.ports.cache.get("AzDriverNode", "node-a")?.status !== undefined, 10_000));
}

/** Removes an attachment for good and makes another one under its name, as an unpublish and a publish in quick succession do. */
async function madeAnew(world: ReconcileWorld): Promise<void> {
  const present = await world.other.get("AzVolumeAttachment", attachmentName("node-a"), never);
  assert.ok(present.ok);
  await world.other.update("AzVolumeAttachment", { ...present.value, metadata: { ...present.value.metadata, finalizers: [] } }, never);
  const made = await world.other.create(
    "AzVolumeAttachment",
    { metadata: { name: attachmentName("node-a"), finalizers: [ATTACHMENT_FINALIZER] }, spec: anAttachment("node-a").spec },
    never,
  );
  assert.ok(made.ok);
}

describe("attachmentReconciler", () => {
  it("attaches the disk and says where", () =>
    withControllerPorts(async (world) => {
      await givenNode(world);
      await world.given("AzVolume", aVolumeWithRecord({}));
      await world.given("AzVolumeAttachment", anAttachment("node-a", { status: undefined }));
      assert.deepEqual(await run(world), { ok: true, value: {} });
      assert.deepEqual(world.attachment("node-a")?.status, { state: "Attached", vmId: a.vmId, lun: 0, publishContext: { LUN: "0" } });
    }));

  it("does not say Attached of a node that was cut off meanwhile", () =>
    withControllerPorts(async (world) => {
      await givenNode(world);
      await world.given("AzVolume", aVolumeWithRecord({}));
      await world.given("AzVolumeAttachment", anAttachment("node-a", { status: undefined }));
      world.meanwhile.attachDisk = async () => {
        await forgetAttach(world.other, { diskUri, node: a }, never);
      };
      await run(world);
      assert.equal(world.attachment("node-a")?.status?.state, "Pending");
    }));

  it("leaves an attachment alone that was made anew under the name while the cache still shows the old one leaving", () =>
    withControllerPorts(async (world) => {
      await givenNode(world);
      await world.given("AzVolume", aVolumeWithRecord({}));
      await world.given("AzVolumeAttachment", leaving(aReplica("node-a", { metadata })));
      world.attachedTo.add("node-a");
      world.store.holdWatches(true);
      await madeAnew(world);
      await run(world);
      assert.deepEqual([...world.attachedTo], ["node-a"]);
      assert.deepEqual(world.attachment("node-a")?.metadata.finalizers, [ATTACHMENT_FINALIZER]);
      assert.equal(world.attachment("node-a")?.status, undefined);
    }));

  it("detaches what is leaving, and lets the object go", () =>
    withControllerPorts(async (world) => {
      await givenNode(world);
      await world.given("AzVolume", aVolumeWithRecord({ writer: aWriter("node-b") }));
      await world.given("AzVolumeAttachment", leaving(aReplica("node-a", { metadata })));
      world.attachedTo.add("node-a");
      await run(world);
      assert.deepEqual([[...world.attachedTo], world.attachment("node-a")], [[], undefined]);
    }));

  it("takes no disk away while nobody knows who writes: the volume's object is gone, or made anew without a record yet", async () => {
    await withControllerPorts(async (world) => {
      await givenNode(world);
      await world.given("AzVolumeAttachment", leaving(anAttachment("node-a", { metadata })));
      world.attachedTo.add("node-a");
      world.instances.set("node-a", a.vmId);
      world.disks.add(diskUri);
      assert.deepEqual(await run(world), { ok: true, value: { againAfterMs: 30_000 } });
      await world.given("AzVolume", { ...aVolume(), status: { state: "Pending", observedGeneration: 0, conditions: [] } });
      await run(world);
      assert.deepEqual([...world.attachedTo], ["node-a"]);
    });
    await withControllerPorts(async (world) => {
      await givenNode(world);
      await world.given("AzVolume", aVolumeWithRecord({}));
      await world.given("AzVolumeAttachment", leaving(anAttachment("node-a", { metadata })));
      world.attachedTo.add("node-a");
      world.meanwhile.detachDisk = async () => {
        const present = await world.other.get("AzVolume", "pvc-1", never);
        assert.ok(present.ok);
        await world.other.update("AzVolume", { ...present.value, metadata: { ...present.value.metadata, finalizers: [] } }, never);
        await world.other.delete("AzVolume", "pvc-1", {}, never);
      };
      await run(world);
      assert.deepEqual([...world.attachedTo], ["node-a"]);
    });
  });

  it("lets an attachment go whose volume and disk are both gone", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolumeAttachment", leaving(anAttachment("node-a", { metadata })));
      await run(world);
      assert.equal(world.attachment("node-a"), undefined);
    }));
});
