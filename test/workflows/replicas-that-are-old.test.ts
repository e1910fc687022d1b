import assert from "node:assert/strict";
import { it } from "node:test";
import { freeze, thaw } from "../../demo/act-failovers.ts";
import { attachedNodes, readRecord } from "../../demo/observe.ts";
import { createVolume, deleteVolume, unpublishOnController } from "../../demo/volume-moves.ts";
import { waitUntil } from "../../demo/wait-until.ts";
import { checksumsHold, writeFiles } from "../../demo/workload.ts";
import { noneQuarantined } from "./record-history.ts";
import { bringUp, takeDown, takeDownAfterFence, untilReplicated, untilServed } from "./volume-use.ts";
import { withLab } from "./with-lab.ts";

const vms = ["node-a", "node-b"].map((name) => ({ name, zone: "1" }));
const WAIT_MAX_MS = 120_000;

it("a fence keeps a replica that is older than the pruning time", async (t) => {
  await withLab(t, { vms }, async (world) => {
    const { lab, node, signal } = world;
    const parameters = { skuName: "Premium_LRS", maxShares: "2" };
    const volume = await createVolume(lab, { name: "aged", sizeGiB: 1n, parameters, zones: ["eastus-1"] });
    await bringUp(lab, volume, node("node-a"));
    const checksums = await writeFiles(node("node-a"), volume);
    const replica = await untilReplicated(world, volume);

    await freeze(node("node-a"), undefined);
    await lab.orchestrator.removeUser("node-a", volume.volumeId);
    await lab.orchestrator.setOutOfService("node-a", true);
    await untilServed(() => unpublishOnController(lab, volume, node("node-a")));
    // As with Kubernetes' attach controller: no node requests the volume until the dead one's is
    // unpublished.
    assert.equal((await readRecord(lab, volume, signal))?.writer, undefined);
    const kept = (await attachedNodes(lab, volume, signal)).get("node-b");
    assert.deepEqual(
      [kept?.metadata.uid, kept?.metadata.deletionTimestamp],
      [replica.metadata.uid, undefined],
    );
    await bringUp(lab, volume, node("node-b"));
    const promoted = (await attachedNodes(lab, volume, signal)).get("node-b");
    assert.deepEqual([promoted?.metadata.uid, promoted?.spec.role], [replica.metadata.uid, "Primary"]);
    assert.ok(await checksumsHold(node("node-b"), volume, checksums));

    thaw(node("node-a"), undefined);
    await lab.orchestrator.setOutOfService("node-a", false);
    await waitUntil("node-a to have cleaned up", WAIT_MAX_MS, async () =>
      noneQuarantined(await readRecord(lab, volume, signal)),
    );
    await takeDownAfterFence(lab, volume, node("node-a"));
    await takeDown(lab, volume, node("node-b"));
    await untilServed(() => deleteVolume(lab, volume));
  });
});
