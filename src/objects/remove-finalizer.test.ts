import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { withControllerPorts } from "../controller/testing/a-controller.ts";
import { VOLUME_FINALIZER } from "../core/api/finalizers.ts";
import { aVolume } from "../core/testing/objects.ts";
import { removeFinalizer } from "./remove-finalizer.ts";

const never = new AbortController().signal;
const target = { kind: "AzVolume", name: "pvc-1" } as const;

describe("removeFinalizer", () => {
  it("takes off the one that is named, lets the object go with the last, and says where it is gone", () =>
    withControllerPorts(async (world) => {
      const volume = aVolume();
      await world.given("AzVolume", {
        ...volume,
        metadata: { ...volume.metadata, finalizers: ["somebody/else", VOLUME_FINALIZER] },
      });
      await world.store.delete("AzVolume", "pvc-1", {}, never);
      const left = await removeFinalizer(world.store, target, VOLUME_FINALIZER, never);
      assert.deepEqual(left.ok && left.value.metadata.finalizers, ["somebody/else"]);

      assert.equal((await removeFinalizer(world.store, target, "somebody/else", never)).ok, true);
      assert.equal(world.volume(), undefined);
      const again = await removeFinalizer(world.store, target, VOLUME_FINALIZER, never);
      assert.equal(!again.ok && again.failure.kind, "ObjectNotFound");
    }));

  it("leaves it on an object whose deletion a backup has taken back: deleted later, it would go while its disk is still there", () =>
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
