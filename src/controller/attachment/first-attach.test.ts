import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ok } from "../../core/failure/result.ts";
import {
  aDiskSpec,
  agoMs,
  anAttachment,
  attachmentName,
  aVolumeWithRecord,
  aWriter,
  diskUri,
} from "../../core/testing/objects.ts";
import type { CloudProvisioner, DiskFacts } from "../../ports/cloud/cloud-provisioner.ts";
import type { ObjectStore } from "../../ports/store/object-store.ts";
import { type ReconcileWorld, withControllerPorts } from "../testing/a-controller.ts";
import { aDisk } from "../testing/a-disk.ts";
import { aDriverNode } from "../testing/a-driver-node.ts";
import { attachmentReconciler } from "./attachment-reconciler.ts";

const never = new AbortController().signal;
const sourceUri = diskUri.replace("/disks/pvc-1", "/snapshots/backup");
const copy = { percent: 40, since: agoMs(60_000), readTime: agoMs(1_000) };
const failed = { completionPercent: 40, state: "Failed" };

/** Attaches a disk that Azure shows so, of a volume that knows of its copy; whether Azure was asked to. */
async function attach(
  world: ReconcileWorld,
  shown: Partial<DiskFacts>,
  known: { readonly copy?: typeof copy & { readonly firstAttachTime?: string } } = { copy },
  store = world.ports.store,
): Promise<boolean> {
  let isAsked = false;
  const { spec, metadata, status } = aVolumeWithRecord({ writer: aWriter("node-a", { held: false }) });
  await world.given("AzDriverNode", aDriverNode("node-a"));
  await world.given("AzVolume", {
    metadata,
    spec: { ...spec, disk: aDiskSpec({ sourceUri }) },
    status: { ...(status ?? assert.fail("no status")), ...known },
  });
  await world.given("AzVolumeAttachment", anAttachment("node-a", { status: undefined }));
  const cloud: CloudProvisioner = {
    ...world.ports.cloud,
    getDisk: async () => ok(aDisk({ sourceUri, ...shown })),
    attachDisk: async () => {
      isAsked = true;
      return ok({ lun: 0 });
    },
  };
  await world.answerOf(
    attachmentReconciler({ ...world.ports, cloud, store }).reconcile(attachmentName("node-a"), never),
  );
  return isAsked;
}

describe("the first attach of a copy", () => {
  it("is allowed while Azure fills it, and recorded before the node may use it", () =>
    withControllerPorts(async (world) => {
      const written: string[] = [];
      const store: ObjectStore = {
        ...world.ports.store,
        updateStatus: (kind, object, signal) => {
          written.push(`${kind} ${JSON.stringify(object.status).includes('"Attached"') ? "Attached" : ""}`);
          return world.ports.store.updateStatus(kind, object, signal);
        },
      };
      assert.equal(await attach(world, { completionPercent: 45 }, { copy }, store), true);
      assert.equal(world.attachment("node-a")?.status?.state, "Attached");
      assert.notEqual(world.volume()?.status?.copy?.firstAttachTime, undefined);
      assert.deepEqual(written, ["AzVolumeAttachment ", "AzVolume ", "AzVolumeAttachment Attached"]);
    }));

  it("is refused once Azure has failed to fill it, with the remedy", () =>
    withControllerPorts(async (world) => {
      assert.equal(await attach(world, failed), false);
      const { state, error } = world.attachment("node-a")?.status ?? {};
      assert.deepEqual([state, error?.kind], ["AttachmentFailed", "DiskCopyFailed"]);
      assert.match(
        error?.message ?? "",
        /restore again from that source, which is kept until then; deleting the Persist/u,
      );
      assert.equal(world.volume()?.status?.copy?.firstAttachTime, undefined);
    }));

  for (const { because, known, shown } of [
    {
      because: "that a node has had",
      known: { copy: { ...copy, firstAttachTime: agoMs(1) } },
      shown: failed,
    },
    { because: "that is complete", known: {}, shown: { state: "Failed" } },
  ])
    it(`is over for a disk ${because}: whatever Azure shows, it is attached`, () =>
      withControllerPorts(async (world) => {
        assert.equal(await attach(world, shown, known), true);
        assert.equal(world.attachment("node-a")?.status?.state, "Attached");
      }));
});
