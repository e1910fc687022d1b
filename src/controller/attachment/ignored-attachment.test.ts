import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AzVolumeAttachment } from "../../core/api/az-volume-attachment.ts";
import { ATTACHMENT_FINALIZER } from "../../core/api/finalizers.ts";
import { attachmentObjectName } from "../../core/api/object-names.ts";
import { ok } from "../../core/failure/result.ts";
import {
  anAttachment,
  aReplica,
  attachmentName,
  aVolume,
  aVolumeWithRecord,
  diskUri,
} from "../../core/testing/objects.ts";
import { newAttachment } from "../../objects/new-attachment.ts";
import { withdrawRequest, requestWriter } from "../../objects/writer-request.ts";
import { asksNothing, type ReconcileWorld, withControllerPorts } from "../testing/a-controller.ts";
import { aDisk } from "../testing/a-disk.ts";
import { aDriverNode } from "../testing/a-driver-node.ts";
import { volumeReconciler } from "../writer/volume-reconciler.ts";
import { attachmentReconciler } from "./attachment-reconciler.ts";
import { createAttachment } from "./create-attachment.ts";
import { removeIgnored } from "./ignored-attachment.ts";

const never = new AbortController().signal;
const otherDisk = diskUri.replace("pvc-1", "backup");

/** The object that node-n creates under the name of node-a's attachment. */
function aSquatter(): AzVolumeAttachment {
  return anAttachment("node-a", { spec: { nodeName: "node-n" }, status: undefined });
}

describe("an AzVolumeAttachment that contradicts itself or its volume", () => {
  it("gets nothing attached: the disk named there is not that of the volume", () =>
    withControllerPorts(async (world) => {
      const thief = anAttachment("node-n", {
        metadata: { name: attachmentObjectName({ diskUri: otherDisk, nodeName: "node-n" }) },
        spec: { volumeId: otherDisk },
        status: undefined,
      });
      await given(world, thief);
      world.disks.add(otherDisk);
      assert.equal((await attachmentReconciler(world.ports).reconcile(thief.metadata.name, never)).ok, true);
      assert.deepEqual([...world.attachedTo], []);
      assert.deepEqual(
        world.emitted.map(({ reason, about }) => [reason, about.name]),
        [["AttachmentIgnored", "node-n"]],
      );
      assert.equal((await world.other.get("AzVolumeAttachment", thief.metadata.name, never)).ok, false);
    }));

  it("stays while a read alone does not find the disk whose only trace it is", () =>
    withControllerPorts(async (world) => {
      const metadata = { name: attachmentObjectName({ diskUri: otherDisk, nodeName: "node-n" }) };
      const trace = anAttachment("node-n", { metadata, spec: { volumeId: otherDisk } });
      await given(world, trace);
      const listing = (isListed: boolean): ReturnType<typeof attachmentReconciler> => {
        const listDisks = async () => ok(isListed ? [aDisk({ diskUri: otherDisk })] : []);
        return attachmentReconciler({ ...world.ports, cloud: { ...world.ports.cloud, listDisks } });
      };
      const isThere = async (): Promise<boolean> =>
        (await world.other.get("AzVolumeAttachment", metadata.name, never)).ok;
      const missed = await listing(true).reconcile(metadata.name, never);
      assert.partialDeepStrictEqual(missed, { failure: { code: "DiskNotShown" } });
      assert.equal(await isThere(), true);
      await listing(false).reconcile(metadata.name, never);
      assert.equal(await isThere(), false);
    }));

  it("gets no grant: another node holds the name of an attachment", () =>
    withControllerPorts(async (world) => {
      await given(world, aSquatter());
      assert.equal((await volumeReconciler(world.ports, asksNothing).reconcile("pvc-1", never)).ok, true);
      assert.equal(world.record()?.writer, undefined);
    }));

  it("delays a request only until the controller has deleted it", () =>
    withControllerPorts(async (world) => {
      await given(world, aSquatter());
      const publish = { volume: aVolume(), nodeName: "node-a", volumeContext: {} };
      const waits = await requestWriter(world.ports, publish, never);
      assert.equal(waits.ok ? undefined : waits.failure.kind, "StillWaiting");
      assert.equal((await removeIgnored(world.ports, attachmentName("node-a"), never)).ok, true);
      assert.equal((await requestWriter(world.ports, publish, never)).ok, true);
      assert.equal(world.attachment("node-a")?.spec.nodeName, "node-a");
    }));

  it("is neither demoted nor promoted instead of the attachment whose name it has", () =>
    withControllerPorts(async (world) => {
      const squatter = aSquatter();
      await given(world, squatter);
      assert.equal(
        (
          await withdrawRequest(
            world.ports,
            { volumeId: diskUri, nodeName: "node-a", keepsPrimary: false, isShared: false },
            never,
          )
        ).ok,
        true,
      );
      assert.deepEqual(world.attachment("node-a")?.spec, squatter.spec);
    }));

  it("is replaced by the driver's own object, with an event", () =>
    withControllerPorts(async (world) => {
      await given(world, aSquatter());
      const { writerRequest: _, ...spec } = aReplica("node-a").spec;
      const created = await createAttachment(world.ports, newAttachment(spec), never);
      assert.deepEqual([created.ok, world.attachment("node-a")?.spec.nodeName], [true, "node-a"]);
      assert.deepEqual(
        world.emitted.map(({ reason }) => reason),
        ["AttachmentIgnored"],
      );
    }));

  it("leaves a consistent one alone", () =>
    withControllerPorts(async (world) => {
      await given(world, anAttachment("node-a"));
      assert.equal((await removeIgnored(world.ports, attachmentName("node-a"), never)).ok, true);
      assert.deepEqual(
        [world.attachment("node-a")?.metadata.deletionTimestamp, world.emitted],
        [undefined, []],
      );
    }));
});

async function given(world: ReconcileWorld, attachment: AzVolumeAttachment): Promise<void> {
  await world.given("AzVolume", aVolumeWithRecord({}));
  for (const nodeName of ["node-a", "node-n"]) await world.given("AzDriverNode", aDriverNode(nodeName));
  await world.given("AzVolumeAttachment", {
    ...attachment,
    metadata: { ...attachment.metadata, finalizers: [ATTACHMENT_FINALIZER] },
  });
}
