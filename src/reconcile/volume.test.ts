import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { agoMs, anAttachment, aVolumeWithRecord, aWriter, settings } from "../core/plan/testing/objects.ts";
import { withControllerPorts } from "./testing/a-controller.ts";
import { aDriverNode } from "./testing/a-driver-node.ts";
import { volumeReconciler } from "./volume.ts";

const never = new AbortController().signal;
const offlineResize = { type: "OfflineResize", status: "True", reason: "SharedDisk", message: "", lastTransitionTime: agoMs(0) } as const;

describe("volumeReconciler", () => {
  it("leaves conditions alone that another loop has written since the cache was told: a resize without its beginning would never time out", () =>
    withControllerPorts(async (world) => {
      await world.given("AzDriverNode", aDriverNode("node-a"));
      await world.given("AzVolume", aVolumeWithRecord({ writer: aWriter("node-a") }));
      await world.given("AzVolumeAttachment", anAttachment("node-a"));
      world.store.holdWatches(true);
      const present = await world.other.get("AzVolume", "pvc-1", never);
      assert.ok(present.ok && present.value.status !== undefined);
      await world.other.updateStatus("AzVolume", { ...present.value, status: { ...present.value.status, conditions: [offlineResize] } }, never);
      await world.answerOf(volumeReconciler({ ...world.ports, settings }).reconcile("pvc-1", never));
      const conditions = world.volume()?.status?.conditions ?? [];
      assert.deepEqual(
        conditions.map(({ type }) => type),
        ["OfflineResize", "FailoverReady"],
      );
      assert.deepEqual(conditions[0], offlineResize);
    }));
});
