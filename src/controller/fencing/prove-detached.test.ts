import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ok } from "../../core/failure/result.ts";
import {
  anAttachment,
  aRecord,
  aVolumeWithRecord,
  diskUri,
  identity,
  instanceUriOf,
} from "../../core/testing/objects.ts";
import { type RecordChanges, changedRecord } from "../../core/testing/record-lists.ts";
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
async function withLateDetach(act: (world: ReconcileWorld) => Promise<void>): Promise<void> {
  await withControllerPorts(async (world) => {
    await world.given("AzVolume", aVolumeWithRecord(found));
    for (const nodeName of ["node-a", "node-b"]) await world.given("AzDriverNode", aDriverNode(nodeName));
    await world.given(
      "AzVolumeAttachment",
      anAttachment("node-a", { status: { lun: 3, deviceMissing: true } }),
    );
    await world.given("AzVolumeAttachment", anAttachment("node-b"));
    world.attachedTo.add("node-b");
    world.disks.add(diskUri);
    await act(world);
  });
}

const pass = (world: ReconcileWorld): Promise<unknown> =>
  world.answerOf(fenceReconciler(world.ports).reconcile("pvc-1", never));

describe("an unverified node that has nothing to verify itself by", () => {
  it("moves to quarantine once Azure has proven that the disk is not there", () =>
    withLateDetach(async (world) => {
      assert.deepEqual(await pass(world), { ok: true, value: { againAfterMs: 10_000 } });
      assert.deepEqual(
        world.record(),
        aRecord({ ...found, unverified: [b], quarantined: [identity("node-a")] }),
      );
      assert.deepEqual(world.attachment("node-a")?.status, {
        state: "Pending",
        role: "Primary",
        provenOff: a.vmId,
      });
      assert.deepEqual([...world.attachedTo], ["node-b"]);
      assert.deepEqual(await pass(world), { ok: true, value: {} });
    }));

  it("is checked again later where Azure reports that it has the disk", () =>
    withLateDetach(async (world) => {
      world.attachedTo.add("node-a");
      assert.deepEqual(await pass(world), { ok: true, value: { againAfterMs: 10_000 } });
      assert.deepEqual(world.record(), aRecord(found));
    }));

  it("gets the place of its disk where Azure lists it and that object was lost", () =>
    withLateDetach(async (world) => {
      world.attachedTo.add("node-a");
      world.instances.set(instanceUriOf("node-a"), a.vmId);
      const { inspectInstance } = world.ports.cloud;
      const cloud: CloudProvisioner = {
        ...world.ports.cloud,
        getDisk: async (asked) =>
          ok(aDisk({ ...asked, attachedTo: [instanceUriOf("node-a"), instanceUriOf("node-b")] })),
        inspectInstance: async (request, signal) => {
          const instance = await inspectInstance(request, signal);
          return instance.ok
            ? ok({ ...instance.value, dataDisks: [{ diskUri, lun: 5, beingDetached: false }] })
            : instance;
        },
      };
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
        // Right before the platform is written to.
        if (kind === "AzVolume")
          await world.setRecord((record) => changedRecord(record, { unverified: [b], clean: [a] }));
        return read;
      };
      const done = await world.answerOf(
        fenceReconciler({ ...world.ports, store: { ...store, get } }).reconcile("pvc-1", never),
      );
      assert.deepEqual(done, { ok: true, value: { againAfterMs: 10_000 } });
      assert.deepEqual(world.record(), aRecord({ ...found, unverified: [b], clean: [a] }));
    }));
});
