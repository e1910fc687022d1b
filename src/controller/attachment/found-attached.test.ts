import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ATTACHMENT_FINALIZER } from "../../core/api/finalizers.ts";
import { ok } from "../../core/failure/result.ts";
import {
  anAttachment,
  aReplica,
  attachmentName,
  aVolume,
  diskUri,
  identity,
} from "../../core/testing/objects.ts";
import { must } from "../../core/testing/value-of.ts";
import { takeBackStaged } from "../../objects/staged-mark.ts";
import type { CloudProvisioner } from "../../ports/cloud/cloud-provisioner.ts";
import type { ObjectStore } from "../../ports/store/object-store.ts";
import { type ReconcileWorld, withControllerPorts } from "../testing/a-controller.ts";
import { aDriverNode } from "../testing/a-driver-node.ts";
import { attachmentReconciler } from "./attachment-reconciler.ts";

const never = new AbortController().signal;
const metadata = { finalizers: [ATTACHMENT_FINALIZER] };

/** Attaches a volume that several nodes may write. Answers its state, and whether it is marked as staged. */
async function attached(
  world: ReconcileWorld,
  own: ReturnType<typeof aReplica>,
  cloud: Partial<CloudProvisioner> = {},
  store = world.ports.store,
): Promise<readonly unknown[]> {
  const { record: _, ...status } = aVolume().status ?? assert.fail("no status");
  const capabilities = [{ accessMode: "MULTI_NODE_MULTI_WRITER", accessType: "block" }] as const;
  await world.given("AzVolume", { ...aVolume({ spec: { capabilities } }), status });
  await world.given("AzDriverNode", aDriverNode("node-a"));
  await world.given("AzVolumeAttachment", own);
  const ports = { ...world.ports, store, cloud: { ...world.ports.cloud, ...cloud } };
  await world.answerOf(attachmentReconciler(ports).reconcile(attachmentName("node-a"), never));
  const made = world.attachment("node-a");
  return [made?.status?.state, made?.spec.staged === true];
}

// The object before this one may have been erased while its node had staged the volume.
describe("a disk that an attach finds on its VM, where several nodes write", () => {
  const attachDisk: CloudProvisioner["attachDisk"] = async () => ok({ lun: 3 });
  const unattached = { metadata, status: undefined };

  it("is marked as staged where nothing requests it", () =>
    withControllerPorts(async (world) => {
      assert.deepEqual(await attached(world, aReplica("node-a", unattached), { attachDisk }), [
        "Attached",
        true,
      ]);
    }));

  // It has its mounts from V1, or has lost its checkpoints, and looks for them only at a LUN.
  it("is also where its node takes the mark back before it knows the place", () =>
    withControllerPorts(async (world) => {
      const { store } = world.ports;
      const where = { volumeId: diskUri, node: identity("node-a") };
      let isTakenBack = false;
      const ports = { steps: world.ports.steps, store: world.other };
      const early: ObjectStore = {
        ...store,
        updateStatus: async (kind, object, signal) => {
          if (!isTakenBack && world.attachment("node-a")?.spec.staged === true) {
            isTakenBack = true;
            await must(takeBackStaged(ports, where, never));
          }
          return store.updateStatus(kind, object, signal);
        },
      };
      const own = aReplica("node-a", unattached);
      assert.deepEqual(await attached(world, own, { attachDisk }, early), ["Attached", true]);
      assert.ok(isTakenBack);
    }));

  it("is not where it is requested: its withdrawal leaves the mark", () =>
    withControllerPorts(async (world) => {
      assert.deepEqual(await attached(world, anAttachment("node-a", unattached), { attachDisk }), [
        "Attached",
        false,
      ]);
    }));

  it("is not where the attach has brought it there", () =>
    withControllerPorts(async (world) => {
      assert.deepEqual(await attached(world, aReplica("node-a", unattached)), ["Attached", false]);
    }));

  it("is not where its node has only missed it", () =>
    withControllerPorts(async (world) => {
      const missed = aReplica("node-a", { metadata, status: { deviceMissing: true } });
      assert.deepEqual(await attached(world, missed, { attachDisk }), ["Attached", false]);
    }));
});
