import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AzVolume } from "../../core/api/az-volume.ts";
import { VOLUME_FINALIZER } from "../../core/api/finalizers.ts";
import { fail, ok } from "../../core/failure/result.ts";
import {
  aDetail,
  agoMs,
  anAttachment,
  attachmentName,
  aRecord,
  aReplica,
  aVolume,
  aWriter,
  diskUri,
  identity,
  instanceUriOf,
} from "../../core/testing/objects.ts";
import { must } from "../../core/testing/value-of.ts";
import { replacedDisk } from "../../core/volume/replaced-disk.ts";
import { stateTagsOf } from "../../core/volume/tags/state-tags.ts";
import { nodesIn } from "../../core/writer/record/record-nodes.ts";
import type { CloudProvisioner, DiskFacts } from "../../ports/cloud/cloud-provisioner.ts";
import { attachmentReconciler } from "../attachment/attachment-reconciler.ts";
import { readCopy } from "../disk/copies/read-copy.ts";
import { deleteDisk } from "../disk/delete-disk.ts";
import { diskReconciler } from "../disk/disk-reconciler.ts";
import { driverTags } from "../disk/disk-tags.ts";
import { lookAtDisk } from "../disk/keep-modification.ts";
import { readConversion } from "../disk/modify-disk.ts";
import { type ReconcileWorld, withControllerPorts } from "../testing/a-controller.ts";
import { aDisk } from "../testing/a-disk.ts";
import { aDriverNode } from "../testing/a-driver-node.ts";
import { anInstance } from "../testing/an-instance.ts";
import { rebuildVolume } from "./rebuild-record.ts";
import { recoverVolumes } from "./recover-volumes.ts";

const never = new AbortController().signal;
const deleted = { deletionTimestamp: agoMs(0), finalizers: [VOLUME_FINALIZER] };
const formatted = { fsType: "ext4", uuid: "u-1", time: agoMs(0), nodeName: "node-a" };

/** An Azure whose disk `pvc-1` is that one, and that refuses to change it for another's sake. */
function withDisk(world: ReconcileWorld, shown: DiskFacts): ReconcileWorld["ports"] {
  world.disks.add(diskUri);
  const { cloud } = world.ports;
  const deleteDisk: CloudProvisioner["deleteDisk"] = async (request, signal) => {
    const replaced = replacedDisk(request, shown);
    return replaced === undefined ? cloud.deleteDisk(request, signal) : fail(replaced);
  };
  const updateDisk: CloudProvisioner["updateDisk"] = async (request, signal) => {
    const replaced = replacedDisk(request, shown);
    return replaced === undefined ? cloud.updateDisk(request, signal) : fail(replaced);
  };
  const faked = {
    ...cloud,
    deleteDisk,
    updateDisk,
    getDisk: async (): ReturnType<typeof cloud.getDisk> => ok(shown),
    listDisks: async (): ReturnType<typeof cloud.listDisks> => ok([shown]),
  };
  return { ...world.ports, cloud: faked };
}

const disk = (uniqueId: string): DiskFacts => aDisk({ uniqueId });
const detail = aDetail({ uniqueId: "first" });

describe("a disk that another client has made under the name of a volume's", () => {
  it("outlives DeleteVolume, which fails until a person has deleted it", () =>
    withControllerPorts(async (world) => {
      await world.given(
        "AzVolume",
        aVolume({ metadata: deleted, spec: { deleteRequested: true }, status: { detail } }),
      );
      const ports = withDisk(world, disk("second"));
      await world.answerOf(diskReconciler(ports).reconcile("pvc-1", never));
      const { status } = world.volume() ?? {};
      assert.deepEqual(
        [[...world.disks], status?.state, status?.error?.kind],
        [[diskUri], "DeletionFailed", "DiskReplaced"],
      );
      // Without the finalizer alone, the next DeleteVolume would adopt that disk, and delete it.
      assert.match(world.emitted.at(-1)?.message ?? "", /keep it: set Retain .+ then remove .+ finalizer/u);
      world.disks.clear();
      await world.answerOf(diskReconciler(world.ports).reconcile("pvc-1", never));
      assert.equal(world.volume(), undefined);
    }));

  it("outlives DeleteVolume also where a stale cache shows no id of the volume's disk", () =>
    withControllerPorts(async (world) => {
      const deleting = { metadata: deleted, spec: { deleteRequested: true } };
      await world.given("AzVolume", aVolume({ ...deleting, status: { detail } }));
      const { metadata } = world.volume() ?? assert.fail("no volume");
      const cached = { ...aVolume({ ...deleting, status: { detail: aDetail() } }), metadata };
      await deleteDisk(withDisk(world, disk("second")), cached, never);
      assert.deepEqual([...world.disks], [diskUri]);
    }));

  it("does not bear the record of the volume, which another client has removed", () =>
    withControllerPorts(async (world) => {
      await world.given(
        "AzVolume",
        aVolume({ metadata: { finalizers: [VOLUME_FINALIZER] }, status: { detail, record: undefined } }),
      );
      const ports = withDisk(world, disk("second"));
      await world.answerOf(diskReconciler(ports).reconcile("pvc-1", never));
      const { record, error } = world.volume()?.status ?? {};
      assert.deepEqual([record, error?.kind], [undefined, "DiskReplaced"]);
    }));

  it("gets none of the volume's tags, and its size is not the volume's", () =>
    withControllerPorts(async (world) => {
      const volume = aVolume({ status: { detail: { ...detail, isMadeForObject: true } } });
      await world.given("AzVolume", volume);
      const before = world.volume();
      const ports = withDisk(world, aDisk({ uniqueId: "second", sizeGiB: 64 }));
      // Its tags would be asked for, which fails here.
      assert.deepEqual(await world.answerOf(recoverVolumes(ports, never)), ok(0));
      assert.deepEqual(world.volume(), before);
    }));

  for (const { uniqueId, isAsked } of [
    { uniqueId: "first", isAsked: true },
    { uniqueId: "second", isAsked: false },
  ])
    it(`${isAsked ? "is not" : "is"} left as it is where it is the ${uniqueId}, with another SKU`, () =>
      withControllerPorts(async (world) => {
        await world.given("AzVolume", aVolume({ status: { detail } }));
        const ports = withDisk(world, aDisk({ uniqueId, skuName: "StandardSSD_LRS" }));
        const volume = world.volume() ?? assert.fail("no volume");
        await must(world.answerOf(lookAtDisk(ports, volume, diskUri, never)));
        assert.equal(world.volume()?.spec.modification !== undefined, isAsked);
      }));

  for (const { uniqueId, made } of [
    { uniqueId: "first", made: ["node-a"] },
    { uniqueId: "second", made: [] },
  ])
    it(`gets ${made.length === 0 ? "no" : "an"} attachment to its VM where it is the ${uniqueId}`, () =>
      withControllerPorts(async (world) => {
        const [instanceUri, vmId] = [instanceUriOf("node-a"), identity("node-a").vmId];
        world.instances.set(instanceUri, vmId);
        await world.given("AzVolume", aVolume({ status: { detail } }));
        const ports = withDisk(world, aDisk({ uniqueId, attachedTo: [instanceUri] }));
        const dataDisks = [{ diskUri, lun: 5, beingDetached: false }];
        const inspectInstance: CloudProvisioner["inspectInstance"] = async () =>
          ok(anInstance("node-a", { vmId, instanceUri, dataDisks }));
        const cloud = { ...ports.cloud, inspectInstance };
        await must(world.answerOf(recoverVolumes({ ...ports, cloud }, never)));
        const attachment = world.attachment("node-a");
        assert.deepEqual(attachment === undefined ? [] : [attachment.spec.nodeName], made);
      }));

  it("takes no node for the place of the volume's disk, which is gone", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", aVolume({ status: { detail } }));
      await world.given("AzVolumeAttachment", aReplica("node-a"));
      const ports = withDisk(world, aDisk({ uniqueId: "second", attachedTo: [instanceUriOf("node-a")] }));
      await must(world.answerOf(recoverVolumes(ports, never)));
      assert.equal(world.attachment("node-a")?.status?.deviceMissing, true);
    }));

  it("is not what the volume is made from after a class that is refused for its sake", () =>
    withControllerPorts(async (world) => {
      const { spec } = aVolume();
      const asked = { ...spec, modification: { skuName: "StandardSSD_LRS" as const } };
      await world.given("AzVolume", aVolume({ spec: asked, status: { detail } }));
      const tags = { owner: "another cluster" };
      const ports = withDisk(world, aDisk({ uniqueId: "second", skuName: "UltraSSD_LRS", tags }));
      const reconciler = diskReconciler(ports);
      await world.answerOf(reconciler.reconcile("pvc-1", never));
      assert.equal(world.volume()?.status?.modification?.error?.kind, "DiskReplaced");
      await world.answerOf(reconciler.reconcile("pvc-1", never));
      assert.deepEqual(world.volume()?.spec, spec);
    }));

  it("does not show how far the volume's copy, or its conversion, is", () =>
    withControllerPorts(async (world) => {
      const readTime = agoMs(3_600_000);
      const copy = { since: agoMs(7_200_000), readTime };
      const ports = withDisk(world, aDisk({ uniqueId: "second", completionPercent: 40 }));
      await world.given("AzVolume", aVolume({ status: { detail, copy } }));
      await world.answerOf(readCopy(ports, world.volume() ?? assert.fail("no volume"), diskUri, never));
      assert.equal(world.volume()?.status?.copy, undefined, "the disk that it filled is gone");
      const conversion = { percent: 10, since: agoMs(7_200_000), readTime };
      const converting = { ...aVolume({ status: { detail, conversion } }) };
      const read = await world.answerOf(readConversion(ports, converting, diskUri, never));
      assert.deepEqual(!read.ok && read.failure.kind, "DiskReplaced");
    }));

  it("is the volume's once a person deletes the AzVolume, tags or not", () =>
    withControllerPorts(async (world) => {
      const record = aRecord({ writer: aWriter("node-a", { epoch: 4 }) });
      await world.given(
        "AzVolume",
        aVolume({ metadata: deleted, status: { record, detail: { ...detail, formatted } } }),
      );
      const ports = withDisk(world, disk("second"));
      // The tags keep no first format yet: of the volume's own disk the object would wait for them.
      await world.answerOf(diskReconciler(ports).reconcile("pvc-1", never));
      assert.deepEqual([world.volume()?.spec.diskUri, world.volume()?.status], [diskUri, undefined]);
      await world.answerOf(diskReconciler(ports).reconcile("pvc-1", never));
      const { detail: adopted, record: rebuilt } = world.volume()?.status ?? {};
      assert.deepEqual([adopted?.uniqueId, adopted?.formatted, rebuilt?.epoch], ["second", undefined, 4]);
    }));

  for (const { uniqueId, sizeGiB, restGiB } of [
    { uniqueId: "second", sizeGiB: 8, restGiB: 8 },
    { uniqueId: "second", sizeGiB: 64, restGiB: 64 },
    { uniqueId: "first", sizeGiB: 10, restGiB: 10 },
  ])
    it(`keeps its ${sizeGiB} GiB once it is the volume's, if it is the ${uniqueId}`, () =>
      withControllerPorts(async (world) => {
        const spec = aVolume().spec;
        await world.given(
          "AzVolume",
          aVolume({ metadata: deleted, spec: { disk: { ...spec.disk, sizeGiB: 32 } }, status: { detail } }),
        );
        const ports = withDisk(world, aDisk({ uniqueId, sizeGiB }));
        const reconciler = diskReconciler(ports);
        // It is deleted, made again, adopted, and then as it is asked for.
        for (let pass = 0; pass < 4; pass++) await must(world.answerOf(reconciler.reconcile("pvc-1", never)));
        const { spec: made, status } = world.volume() ?? {};
        assert.deepEqual([made?.disk.sizeGiB, status?.detail?.sizeGiB], [restGiB, restGiB]);
      }));

  it("gives a rebuilt record its VMs, and neither its size nor its file system", () =>
    withControllerPorts(async (world) => {
      const [instanceUri, vmId] = [instanceUriOf("node-a"), identity("node-a").vmId];
      world.instances.set(instanceUri, vmId);
      await world.given("AzVolume", aVolume({ status: { detail, record: aRecord({ epoch: 4 }) } }));
      const tags = stateTagsOf(aVolume({ status: { detail: { ...detail, formatted } } }).status);
      const ports = withDisk(
        world,
        aDisk({ uniqueId: "second", sizeGiB: 64, tags, attachedTo: [instanceUri] }),
      );
      const volume = world.volume() ?? assert.fail("no volume");
      const reason = { kind: "lost", storeIncarnation: 2 } as const;
      await must(world.answerOf(rebuildVolume(ports, volume, reason, never)));
      const { status } = world.volume() ?? {};
      assert.deepEqual(status?.detail, detail);
      assert.deepEqual(
        nodesIn(status?.record, "unverified").map(({ nodeName }) => nodeName),
        ["node-a"],
      );
    }));

  it("is named with the remedy where the volume's record is lost, too, and that helps", () =>
    withControllerPorts(async (world) => {
      await world.given(
        "AzVolume",
        aVolume({ metadata: { finalizers: [VOLUME_FINALIZER] }, status: { detail, record: undefined } }),
      );
      const reconciler = diskReconciler(withDisk(world, disk("second")));
      await world.answerOf(reconciler.reconcile("pvc-1", never));
      assert.deepEqual(
        world.emitted.map(({ reason }) => reason),
        ["RecordNotRebuilt"],
      );
      assert.match(world.emitted[0]?.message ?? "", /delete the AzVolume/);
      await world.markDeleted("AzVolume", "pvc-1");
      await must(world.answerOf(reconciler.reconcile("pvc-1", never)));
      await must(world.answerOf(reconciler.reconcile("pvc-1", never)));
      const { status } = world.volume() ?? {};
      assert.deepEqual([status?.detail?.uniqueId, status?.record !== undefined], ["second", true]);
      assert.deepEqual([...world.disks], [diskUri]);
    }));

  for (const { because, sourceUniqueId, shownId, made } of [
    { because: "of the volume's own", sourceUniqueId: "first", shownId: "first", made: "Created" },
    { because: "of that one", sourceUniqueId: "second", shownId: "second", made: "CreationFailed" },
    { because: "of an unknown one", sourceUniqueId: undefined, shownId: "second", made: "Created" },
    { because: "of the one before it", sourceUniqueId: "first", shownId: "second", made: "Created" },
  ])
    it(`${made === "Created" ? "leaves" : "fails"} a clone ${because}, made under its name`, () =>
      withControllerPorts(async (world) => {
        const source = aVolume({ status: { detail } });
        await world.given("AzVolume", source);
        const cloneUri = diskUri.replace(/[^/]+$/u, "pvc-2");
        const disk = { ...source.spec.disk, sourceUri: diskUri };
        await world.given("AzVolume", {
          metadata: { name: "pvc-2", finalizers: [VOLUME_FINALIZER] },
          spec: { ...source.spec, volumeName: "pvc-2", disk },
        });
        const clone = (): AzVolume => world.volume("pvc-2") ?? assert.fail("no clone");
        const tags = driverTags(clone(), "cluster-1");
        const copy = { ...aDisk({ diskUri: cloneUri, diskName: "pvc-2", tags, sourceUri: diskUri }) };
        const cloned = sourceUniqueId === undefined ? copy : { ...copy, sourceUniqueId };
        const ports = withDisk(world, aDisk({ uniqueId: shownId }));
        const cloud = { ...ports.cloud, createDisk: async () => ok(cloned) };
        await world.answerOf(diskReconciler({ ...ports, cloud }).reconcile("pvc-2", never));
        const { state, error } = clone().status ?? {};
        assert.deepEqual([state, error?.kind], [made, made === "Created" ? undefined : "DiskReplaced"]);
      }));

  it("stays with its writer after a restore of before it was taken", () =>
    withControllerPorts(async (world) => {
      const [instanceUri, vmId] = [instanceUriOf("node-a"), identity("node-a").vmId];
      world.instances.set(instanceUri, vmId);
      await world.given("AzDriverNode", aDriverNode("node-a", identity("node-a")));
      const record = aRecord({ writer: aWriter("node-a", { epoch: 4 }), storeIncarnation: 1 });
      const metadata = { finalizers: [VOLUME_FINALIZER] };
      await world.given("AzVolume", aVolume({ metadata, status: { record, detail } }));
      await world.given("AzVolumeAttachment", anAttachment("node-a", { status: { lun: 7 } }));
      world.attachedTo.add("node-a");
      const ports = withDisk(world, aDisk({ uniqueId: "second", attachedTo: [instanceUri] }));
      const dataDisks = [{ diskUri, lun: 5, beingDetached: false }];
      const cloud: CloudProvisioner = {
        ...ports.cloud,
        inspectInstance: async () => ok(anInstance("node-a", { vmId, instanceUri, dataDisks })),
        attachDisk: async (request) =>
          fail(replacedDisk(request, disk("second")) ?? assert.fail("it would be attached")),
      };
      const restored = { ...ports, cloud };
      const volume = world.volume() ?? assert.fail("no volume");
      const reason = { kind: "lost", storeIncarnation: 2 } as const;
      await must(world.answerOf(rebuildVolume(restored, volume, reason, never)));
      assert.deepEqual(
        [
          nodesIn(world.record(), "unverified").map(({ nodeName }) => nodeName),
          world.attachment("node-a")?.status?.lun,
        ],
        [["node-a"], 5],
      );
      await world.setRecord(() => aRecord({ writer: aWriter("node-a", { epoch: 5 }), storeIncarnation: 2 }));
      const reclaimed = world.record();
      await must(world.answerOf(recoverVolumes(restored, never)));
      await world.answerOf(attachmentReconciler(restored).reconcile(attachmentName("node-a"), never));
      assert.deepEqual(
        [world.attachment("node-a")?.status?.error?.kind, world.record()],
        ["DiskReplaced", reclaimed],
      );
      assert.match(
        world.emitted.at(-1)?.message ?? "",
        /to use it as the volume's disk .* delete the AzVolume/,
      );
      // The remedy keeps the record: the node writes still, and reclaims.
      await world.markDeleted("AzVolume", "pvc-1");
      const reconciler = diskReconciler(restored);
      await must(world.answerOf(reconciler.reconcile("pvc-1", never)));
      await must(world.answerOf(reconciler.reconcile("pvc-1", never)));
      assert.deepEqual(
        [
          world.volume()?.status?.detail?.uniqueId,
          nodesIn(world.record(), "unverified").map(({ nodeName }) => nodeName),
          world.attachment("node-a")?.status?.lun,
        ],
        ["second", ["node-a"], 5],
      );
      assert.deepEqual([...world.attachedTo], ["node-a"]);
    }));
});

describe("the id of a volume's disk", () => {
  it("is recorded with a new disk", () =>
    withControllerPorts(async (world) => {
      await world.given(
        "AzVolume",
        aVolume({ status: { state: "Pending", detail: undefined, record: undefined } }),
      );
      const volume = world.volume() ?? assert.fail("no volume");
      const made = { ...disk("first"), tags: driverTags(volume, "cluster-1") };
      const ports = { ...world.ports, cloud: { ...world.ports.cloud, createDisk: async () => ok(made) } };
      await world.answerOf(diskReconciler(ports).reconcile("pvc-1", never));
      assert.equal(world.volume()?.status?.detail?.uniqueId, "first");
    }));

  it("follows a disk that keeps its moment, and the moment one that keeps its id", () =>
    withControllerPorts(async (world) => {
      const timeCreated = "2026-01-01T12:00:00.1234567+00:00";
      await world.given("AzVolume", aVolume({ status: { detail } }));
      const recorded = (): unknown => {
        const { uniqueId: id, timeCreated: time } = world.volume()?.status?.detail ?? {};
        return [id, time];
      };
      await must(world.answerOf(recoverVolumes(withDisk(world, disk("first")), never)));
      assert.deepEqual(recorded(), ["first", undefined]);
      const first = aDisk({ uniqueId: "first", timeCreated });
      await must(world.answerOf(recoverVolumes(withDisk(world, first), never)));
      assert.deepEqual(recorded(), ["first", timeCreated]);
      const converted = aDisk({ uniqueId: "other", timeCreated, sizeGiB: 64 });
      await must(world.answerOf(recoverVolumes(withDisk(world, converted), never)));
      assert.deepEqual(recorded(), ["other", timeCreated]);
      assert.equal(world.volume()?.status?.detail?.sizeGiB, 64);
    }));

  it("is recorded for a volume of an earlier release, once", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", aVolume());
      await must(world.answerOf(recoverVolumes(withDisk(world, disk("first")), never)));
      assert.equal(world.volume()?.status?.detail?.uniqueId, "first");
      await must(world.answerOf(recoverVolumes(withDisk(world, disk("second")), never)));
      assert.equal(world.volume()?.status?.detail?.uniqueId, "first");
    }));
});
