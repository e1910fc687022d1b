import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { agoMs, aVolume, diskUri } from "../core/plan/testing/objects.ts";
import { VOLUME_FINALIZER } from "./controller-ports.ts";
import { diskReconciler } from "./disk.ts";
import { type ReconcileWorld, withControllerPorts } from "./testing/a-controller.ts";

const never = new AbortController().signal;
const deleted = { deletionTimestamp: agoMs(0), finalizers: [VOLUME_FINALIZER] };
const run = (world: ReconcileWorld): Promise<unknown> => world.answerOf(diskReconciler(world.ports).reconcile("pvc-1", never));

/** Lets the volume go and makes another one under its name, before the controller's cache hears of it. */
async function madeAnew(world: ReconcileWorld): Promise<void> {
  world.store.holdWatches(true);
  const present = await world.other.get("AzVolume", "pvc-1", never);
  assert.ok(present.ok);
  await world.other.update("AzVolume", { ...present.value, metadata: { ...present.value.metadata, finalizers: [] } }, never);
  const made = await world.other.create("AzVolume", { metadata: { name: "pvc-1", finalizers: [VOLUME_FINALIZER] }, spec: aVolume().spec }, never);
  assert.ok(made.ok);
  await world.other.updateStatus("AzVolume", { ...made.value, status: aVolume().status }, never);
}

describe("diskReconciler", () => {
  it("deletes the disk of a volume that DeleteVolume has marked, and lets the object go", () =>
    withControllerPorts(async (world) => {
      world.disks.add(diskUri);
      await world.given("AzVolume", aVolume({ metadata: deleted, spec: { deleteRequested: true } }));
      await run(world);
      assert.deepEqual([[...world.disks], world.volume()], [[], undefined]);
    }));

  it("never deletes the disk of a volume that was made anew under the name while the cache still shows the old one", () =>
    withControllerPorts(async (world) => {
      world.disks.add(diskUri);
      await world.given("AzVolume", aVolume({ metadata: deleted, spec: { deleteRequested: true } }));
      await madeAnew(world);
      await run(world);
      assert.deepEqual([...world.disks], [diskUri]);
      assert.deepEqual(world.volume()?.metadata.finalizers, [VOLUME_FINALIZER]);
    }));

  it("makes the object of a volume anew that was deleted by hand: the disk stays, and the new object knows it", () =>
    withControllerPorts(async (world) => {
      world.disks.add(diskUri);
      await world.given("AzVolume", aVolume({ metadata: deleted }));
      await run(world);
      assert.deepEqual([...world.disks], [diskUri]);
      assert.deepEqual([world.volume()?.spec.diskUri, world.volume()?.metadata.deletionTimestamp, world.volume()?.status], [diskUri, undefined, undefined]);
    }));

  it("leaves the finalizer on an object that was made anew already", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", aVolume({ metadata: deleted }));
      await madeAnew(world);
      await run(world);
      assert.deepEqual(world.volume()?.metadata.finalizers, [VOLUME_FINALIZER]);
    }));
});
