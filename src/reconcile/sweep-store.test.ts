import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CONTROLLER_LEASE, STORE_GENERATION_ANNOTATION } from "../core/model/lease.ts";
import { agoMs, aDetail, aRecord, aVolume, aVolumeWithRecord, aWriter, diskUri, identity } from "../core/plan/testing/objects.ts";
import { ok } from "../core/result.ts";
import type { CloudProvisioner } from "../ports/cloud-provisioner.ts";
import { sweepReconciler } from "./sweep-store.ts";
import { type ReconcileWorld, withControllerPorts } from "./testing/a-controller.ts";
import { aDisk } from "./testing/a-disk.ts";

const never = new AbortController().signal;
const a = identity("node-a");

async function withGeneration(generation: number, act: (world: ReconcileWorld) => Promise<void>): Promise<void> {
  await withControllerPorts(async (world) => {
    const lease = {
      metadata: { name: CONTROLLER_LEASE, annotations: { [STORE_GENERATION_ANNOTATION]: String(generation) } },
      spec: { holderIdentity: "controller", leaseDurationSeconds: 15, renewTime: agoMs(0), leaseTransitions: 0 },
    };
    assert.ok((await world.other.create("Lease", lease, never)).ok);
    world.disks.add(diskUri);
    world.instances.set("node-a", a.vmId);
    await act(world);
  });
}

function sweep(world: ReconcileWorld): Promise<unknown> {
  const cloud: CloudProvisioner = { ...world.ports.cloud, getDisk: async () => ok(aDisk({ attachedTo: ["/vms/node-a"] })), nodeNameOf: () => "node-a" };
  return world.answerOf(sweepReconciler({ ...world.ports, cloud }).reconcile("store", never));
}

describe("sweepReconciler", () => {
  for (const storeGeneration of [2, 4]) {
    it(`proves a record anew that another generation left behind: ${storeGeneration} in a store of 3`, () =>
      withGeneration(3, async (world) => {
        await world.given("AzVolume", aVolumeWithRecord({ writer: aWriter("node-b"), storeGeneration }));
        assert.deepEqual(await sweep(world), { ok: true, value: {} });
        assert.deepEqual(world.record(), aRecord({ foundInUse: true, unproven: [a], epoch: 1, storeGeneration: 3 }));
      }));
  }

  it("leaves records of the store's own generation alone", () =>
    withGeneration(3, async (world) => {
      await world.given("AzVolume", aVolumeWithRecord({ writer: aWriter("node-a"), storeGeneration: 3 }));
      const commits = world.commits.length;
      assert.deepEqual(await sweep(world), { ok: true, value: {} });
      assert.equal(world.commits.length, commits);
    }));

  it("forgets that a first format was under way when the backup was made: it may long have ended", () =>
    withGeneration(3, async (world) => {
      const formatting = { fsType: "ext4", nodeName: "node-a", time: agoMs(3_600_000) };
      await world.given("AzVolume", aVolume({ status: { record: aRecord({ storeGeneration: 2 }), detail: aDetail({ formatting }) } }));
      await sweep(world);
      assert.deepEqual(world.volume()?.status?.detail, aDetail());
    }));
});
