import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { withControllerPorts } from "../controller/testing/a-controller.ts";
import { VOLUME_FINALIZER } from "../core/api/finalizers.ts";
import { aVolume } from "../core/testing/objects.ts";
import { removeFinalizer } from "./remove-finalizer.ts";

const never = new AbortController().signal;
const target = { kind: "AzVolume", name: "pvc-1" } as const;

describe("removeFinalizer", () => {
  // Fails with `ObjectNotFound` where the object is gone.
  it("removes the named one; the object goes with the last", () =>
    withControllerPorts(async (world) => {
      const volume = aVolume();
      await world.given("AzVolume", {
        ...volume,
        metadata: { ...volume.metadata, finalizers: ["example.com/other", VOLUME_FINALIZER] },
      });
      await world.store.delete("AzVolume", "pvc-1", {}, never);
      const left = await removeFinalizer(world.store, target, VOLUME_FINALIZER, never);
      assert.deepEqual(left.ok && left.value.metadata.finalizers, ["example.com/other"]);

      assert.equal((await removeFinalizer(world.store, target, "example.com/other", never)).ok, true);
      assert.equal(world.volume(), undefined);
      const again = await removeFinalizer(world.store, target, VOLUME_FINALIZER, never);
      assert.equal(!again.ok && again.failure.kind, "ObjectNotFound");
    }));

  // Deleted later, the object would go while its disk is still attached.
  it("keeps it on an object whose deletion a restored backup reverts", () =>
    withControllerPorts(async (world) => {
      const volume = aVolume();
      await world.given("AzVolume", {
        ...volume,
        metadata: { ...volume.metadata, finalizers: [VOLUME_FINALIZER] },
      });
      const left = await removeFinalizer(world.store, target, VOLUME_FINALIZER, never);
      assert.deepEqual(left.ok && left.value.metadata.finalizers, [VOLUME_FINALIZER]);
      assert.deepEqual(world.volume()?.metadata.finalizers, [VOLUME_FINALIZER]);
    }));
});
