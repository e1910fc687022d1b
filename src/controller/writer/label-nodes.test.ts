import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { nodeLabel } from "../../core/api/node-labels.ts";
import { anAttachment, aReplica, aVolumeWithRecord, aWriter } from "../../core/testing/objects.ts";
import { must } from "../../core/testing/value-of.ts";
import { asksNothing, type ReconcileWorld, withControllerPorts } from "../testing/a-controller.ts";
import { aDriverNode } from "../testing/a-driver-node.ts";
import { volumeReconciler } from "./volume-reconciler.ts";

const never = new AbortController().signal;
const labels = { [nodeLabel("node-a")]: "", [nodeLabel("node-b")]: "" };

async function onVolumeWithReplica(act: (world: ReconcileWorld) => Promise<void>): Promise<void> {
  await withControllerPorts(async (world) => {
    for (const nodeName of ["node-a", "node-b"]) await world.given("AzDriverNode", aDriverNode(nodeName));
    await world.given(
      "AzVolume",
      aVolumeWithRecord({ writer: aWriter("node-a") }, { maxMountReplicaCount: 1 }),
    );
    await world.given("AzVolumeAttachment", anAttachment("node-a"));
    await world.given("AzVolumeAttachment", aReplica("node-b"));
    await act(world);
  });
}

async function reconcile(world: ReconcileWorld): Promise<void> {
  await world.answerOf(must(volumeReconciler(world.ports, asksNothing).reconcile("pvc-1", never)));
}

describe("a pass over a volume", () => {
  it("lets the nodes of its record and of its attachments follow it", () =>
    onVolumeWithReplica(async (world) => {
      await reconcile(world);
      assert.deepEqual(world.volume()?.metadata.labels, labels);
    }));

  it("writes nothing once they do", () =>
    onVolumeWithReplica(async (world) => {
      await reconcile(world);
      const before = world.commits.length;
      await reconcile(world);
      assert.equal(world.commits.length, before);
    }));

  it("restores a label that a person has removed", () =>
    onVolumeWithReplica(async (world) => {
      await reconcile(world);
      const present = await must(world.other.get("AzVolume", "pvc-1", never));
      await must(
        world.other.update("AzVolume", { ...present, metadata: { ...present.metadata, labels: {} } }, never),
      );
      const isSeen = (): boolean => world.ports.cache.get("AzVolume", "pvc-1")?.metadata.labels === undefined;
      assert.ok(await world.clock.runUntil(isSeen, 10_000));
      await reconcile(world);
      assert.deepEqual(world.volume()?.metadata.labels, labels);
    }));
});
