import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ATTACHMENT_FINALIZER } from "../../../core/api/finalizers.ts";
import type { Failure } from "../../../core/failure/failure.ts";
import { fail, ok, type Result } from "../../../core/failure/result.ts";
import {
  anAttachment,
  aReplica,
  attachmentName,
  aVolumeWithRecord,
  aWriter,
  diskUri,
  identity,
  leaving,
} from "../../../core/testing/objects.ts";
import { listIn, changedRecord } from "../../../core/testing/record-lists.ts";
import type { CloudProvisioner, DiskFacts } from "../../../ports/cloud/cloud-provisioner.ts";
import { type ReconcileWorld, withControllerPorts } from "../../testing/a-controller.ts";
import { aDisk } from "../../testing/a-disk.ts";
import { aDriverNode } from "../../testing/a-driver-node.ts";
import { anInstance } from "../../testing/an-instance.ts";
import { attachmentReconciler } from "../attachment-reconciler.ts";

const never = new AbortController().signal;
const a = identity("node-a");
const away: Failure = { kind: "CloudUnavailable", code: "InternalServerError", message: "", requestId: "" };

/**
 * A world in which the replica of node-a is deleted while it still waits for its attach, and node-b
 * writes.
 */
async function withWaiting(act: (world: ReconcileWorld) => Promise<void>): Promise<void> {
  await withControllerPorts(async (world) => {
    await world.given("AzDriverNode", aDriverNode("node-a"));
    await world.given("AzVolume", aVolumeWithRecord({ writer: aWriter("node-b") }));
    await world.given("AzVolumeAttachment", anAttachment("node-b"));
    await world.given(
      "AzVolumeAttachment",
      leaving(aReplica("node-a", { metadata: { finalizers: [ATTACHMENT_FINALIZER] }, status: undefined })),
    );
    await act(world);
  });
}

/**
 * Reconciles it where Azure answers that about the disk and node-a's VM has it, while `duringRead` runs.
 * Also returns how often a detach was requested.
 */
async function remove(
  world: ReconcileWorld,
  disk: Result<DiskFacts>,
  duringRead = async () => {},
): Promise<{ readonly outcome: unknown; readonly detaches: number }> {
  let detaches = 0;
  const cloud: CloudProvisioner = {
    ...world.ports.cloud,
    getDisk: async () => {
      await duringRead();
      return disk;
    },
    inspectInstance: async () =>
      ok(anInstance("node-a", { dataDisks: [{ diskUri, lun: 5, beingDetached: false }] })),
    detachDisk: async () => {
      detaches += 1;
      return ok(undefined);
    },
  };
  const outcome = await world.answerOf(
    attachmentReconciler({ ...world.ports, cloud }).reconcile(attachmentName("node-a"), never),
  );
  return { outcome, detaches };
}

describe("an attachment through which no attach was begun", () => {
  const answers: readonly { readonly because: string; readonly disk: Result<DiskFacts> }[] = [
    {
      because: "Azure names other VMs alone",
      disk: ok(aDisk({ attachedTo: [identity("node-b").instanceUri] })),
    },
    { because: "the disk is gone", disk: fail({ kind: "DiskNotFound", diskUri }) },
  ];
  for (const { because, disk } of answers)
    it(`is removed without a detach: ${because}`, () =>
      withWaiting(async (world) => {
        assert.deepEqual(await remove(world, disk), { outcome: ok({}), detaches: 0 });
        assert.equal(world.attachment("node-a"), undefined);
      }));

  it("stays where a person has attached the disk to its node, which is distrusted", () =>
    withWaiting(async (world) => {
      const found = ok(aDisk({ attachedTo: [a.instanceUri.toUpperCase()] }));
      world.nodeNames.set(a.instanceUri.toUpperCase(), "node-a");
      assert.deepEqual(await remove(world, found), { outcome: ok({}), detaches: 0 });
      const { state, vmId, lun } = world.attachment("node-a")?.status ?? {};
      assert.deepEqual(
        [state, vmId, lun, listIn(world.record(), "unverified")],
        ["Attached", a.vmId, 5, [{ ...a, instanceUri: a.instanceUri.toUpperCase() }]],
      );
      const isShown = (): boolean =>
        listIn(world.ports.cache.get("AzVolume", "pvc-1")?.status?.record, "unverified").length === 1;
      assert.ok(await world.clock.runUntil(isShown, 10_000));
      assert.deepEqual(await remove(world, found), { outcome: ok({}), detaches: 0 });
      assert.notEqual(world.attachment("node-a"), undefined);
    }));

  it("stays while Azure can't be read", () =>
    withWaiting(async (world) => {
      assert.deepEqual(await remove(world, fail(away)), { outcome: fail(away), detaches: 0 });
      assert.notEqual(world.attachment("node-a"), undefined);
    }));

  it("stays where the record, as it is by then, allows its node to write", () =>
    withWaiting(async (world) => {
      const becomesUnverified = (): Promise<void> =>
        world.setRecord((record) => changedRecord(record, { unverified: [a] }));
      const refused = fail({ kind: "Refused", diskUri, nodeName: "node-a" });
      assert.deepEqual(await remove(world, ok(aDisk()), becomesUnverified), {
        outcome: refused,
        detaches: 0,
      });
      assert.notEqual(world.attachment("node-a"), undefined);
    }));
});
