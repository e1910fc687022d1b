import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ATTACHMENT_FINALIZER } from "../../../core/api/finalizers.ts";
import { fail, ok } from "../../../core/failure/result.ts";
import {
  anAttachment,
  aReplica,
  attachmentName,
  aVolume,
  aVolumeWithRecord,
  diskUri,
  identity,
  leaving,
} from "../../../core/testing/objects.ts";
import { must } from "../../../core/testing/value-of.ts";
import { type ReconcileWorld, withControllerPorts } from "../../testing/a-controller.ts";
import { aDriverNode } from "../../testing/a-driver-node.ts";
import { attachmentReconciler } from "../attachment-reconciler.ts";

const never = new AbortController().signal;
const { vmId, instanceUri } = identity("node-a");
/** The attachment of the same disk to the same VM, whose node has another name by now. */
const ofPresentName = anAttachment("node-z", { status: { vmId, instanceUri: instanceUri.toUpperCase() } });

/**
 * Node-a is gone, and its attachment of a volume that several nodes write is being deleted. Returns how often
 * Azure was to detach the disk. `onDetach`: what another client does before Azure is written to.
 */
async function leave(world: ReconcileWorld, onDetach?: () => Promise<void>): Promise<number> {
  let detached = 0;
  const { record: _, ...provisioned } = aVolume().status ?? assert.fail("no status");
  const capabilities = [{ accessMode: "MULTI_NODE_MULTI_WRITER", accessType: "block" }] as const;
  await world.given("AzDriverNode", aDriverNode("node-z", { vmId, instanceUri }));
  world.nodeNames.set(instanceUri, "node-z");
  world.gone.add("node-a");
  await world.given("AzVolume", { ...aVolume({ spec: { capabilities } }), status: provisioned });
  const metadata = { finalizers: [ATTACHMENT_FINALIZER] };
  await world.given("AzVolumeAttachment", leaving(aReplica("node-a", { metadata })));
  const cloud: ReconcileWorld["ports"]["cloud"] = {
    ...world.ports.cloud,
    detachDisk: async ({ precondition }) => {
      await onDetach?.();
      if (!(await precondition(never))) return fail({ kind: "Refused", diskUri, nodeName: "node-a" });
      detached += 1;
      return ok(undefined);
    },
  };
  const reconciler = attachmentReconciler({ ...world.ports, cloud });
  await world.answerOf(reconciler.reconcile(attachmentName("node-a"), never));
  return detached;
}

describe("the disk of an attachment under an earlier name of its VM's node", () => {
  it("is detached where no other attachment needs it", () =>
    withControllerPorts(async (world) => {
      assert.deepEqual([await leave(world), world.attachment("node-a")], [1, undefined]);
    }));

  it("stays where the present name's attachment has it", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolumeAttachment", ofPresentName);
      assert.deepEqual([await leave(world), world.attachment("node-a")], [0, undefined]);
      assert.deepEqual(world.attachment("node-z")?.status, ofPresentName.status);
    }));

  it("stays, too, where that one comes while the detach waits for its turn", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolumeAttachment", anAttachment("node-z", { status: undefined }));
      const begin = async (): Promise<void> => {
        const present = world.attachment("node-z") ?? assert.fail("no attachment");
        const { status } = ofPresentName;
        await must(world.ports.store.updateStatus("AzVolumeAttachment", { ...present, status }, never));
      };
      assert.equal(await leave(world, begin), 0);
      assert.notEqual(world.attachment("node-a"), undefined);
    }));

  it("stays, too, where an earlier leader began that attach, before the cache", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolumeAttachment", anAttachment("node-z", { status: undefined }));
      const begin = async (): Promise<void> => {
        world.store.holdWatches(true);
        const present = world.attachment("node-z") ?? assert.fail("no attachment");
        const { status } = ofPresentName;
        await must(world.other.updateStatus("AzVolumeAttachment", { ...present, status }, never));
      };
      assert.equal(await leave(world, begin), 0);
    }));

  it("stays where that name is another VM by now, which gets the disk", () =>
    withControllerPorts(async (world) => {
      await world.given("AzDriverNode", aDriverNode("node-a", identity("node-b")));
      await world.given("AzDriverNode", aDriverNode("node-z", { vmId, instanceUri }));
      world.nodeNames.set(identity("node-b").instanceUri, "node-a");
      world.nodeNames.set(instanceUri, "node-z");
      await world.given("AzVolume", aVolumeWithRecord({}));
      await world.given("AzVolumeAttachment", ofPresentName);
      await world.given("AzVolumeAttachment", anAttachment("node-a"));
      const reconciler = attachmentReconciler(world.ports);
      await world.answerOf(reconciler.reconcile(attachmentName("node-a"), never));
      assert.deepEqual(world.attachment("node-a")?.status, { state: "Pending" });
      assert.deepEqual(world.attachment("node-z")?.status, ofPresentName.status);
    }));
});
