import assert from "node:assert/strict";
import { it } from "node:test";
import { attachedNodes, readRecord } from "../../demo/observe.ts";
import {
  createVolume,
  deleteVolume,
  type DemoVolume,
  publishOnController,
  stage,
} from "../../demo/volume-moves.ts";
import { waitUntil } from "../../demo/wait-until.ts";
import { checksumsHold, writeFiles } from "../../demo/workload.ts";
import { comesToFailWith } from "./csi-failure.ts";
import { bringUp, takeDown, untilServed } from "./volume-use.ts";
import { type LabWorld, withLab } from "./with-lab.ts";

const vms = ["node-a", "node-b", "node-c", "node-d"].map((name) => ({ name, zone: "1" }));
const WAIT_MAX_MS = 120_000;
/** Longer than a busy machine takes to check their places. */
const PRUNE_AFTER_MS = 8_000;
const MAX_SHARES = 2;

/** A volume's nodes by its records, and in Azure, where it is never on more VMs than its shares allow. */
async function whereabouts({ lab, signal }: LabWorld, volume: DemoVolume): Promise<readonly string[]> {
  const disk = (await lab.emulator.disks()).find((other) => other.name === volume.name);
  const inAzure = new Set(disk?.attachedTo);
  assert.ok(inAzure.size <= MAX_SHARES, `attached to ${[...inAzure].join(", ")}`);
  return [...(await attachedNodes(lab, volume, signal)).keys()].toSorted();
}

async function replicaBeside(world: LabWorld, volume: DemoVolume, nodeName: string): Promise<string> {
  return waitUntil(`a replica beside ${nodeName}`, WAIT_MAX_MS, async () => {
    const nodes = await whereabouts(world, volume);
    return nodes.includes(nodeName) ? nodes.find((name) => name !== nodeName) : undefined;
  });
}

it("a disk requested by more nodes than may share it", async (t) => {
  await withLab(t, { vms, pruneAfterMs: PRUNE_AFTER_MS }, async (world) => {
    const { lab, node, signal } = world;
    const parameters = { skuName: "Premium_LRS", maxShares: String(MAX_SHARES) };
    const volume = await createVolume(lab, { name: "crowded", sizeGiB: 1n, parameters, zones: ["eastus-1"] });
    await bringUp(lab, volume, node("node-a"));
    const checksums = await writeFiles(node("node-a"), volume);
    const replica = await replicaBeside(world, volume, "node-a");
    const [third = ""] = vms.map(({ name }) => name).filter((name) => name !== "node-a" && name !== replica);

    await t.test("the writer keeps its share", async () => {
      await comesToFailWith(
        () => publishOnController(lab, volume, node(third)),
        "FAILED_PRECONDITION",
        "node-a",
      );
      assert.ok((await whereabouts(world, volume)).includes("node-a"));
      assert.ok(await checksumsHold(node("node-a"), volume, checksums));
    });
    await t.test("a replica is removed for a third node once the volume is free", async () => {
      await takeDown(lab, volume, node("node-a"));
      const context = await untilServed(() => publishOnController(lab, volume, node(third)));
      await untilServed(() => stage(volume, node(third), context));
      assert.equal((await readRecord(lab, volume, signal))?.writer?.nodeName, third);
      await bringUp(lab, volume, node(third));
      assert.ok(await checksumsHold(node(third), volume, checksums));
      await replicaBeside(world, volume, third);
    });
    await t.test("unrequested replicas are pruned", async () => {
      await takeDown(lab, volume, node(third));
      assert.equal((await whereabouts(world, volume)).length, MAX_SHARES, "they stay for a while");
      await waitUntil("all replicas to be pruned", WAIT_MAX_MS, async () => {
        const disk = (await lab.emulator.disks()).find((other) => other.name === volume.name);
        return disk?.attachedTo.length === 0 ? true : undefined;
      });
    });
    await untilServed(() => deleteVolume(lab, volume));
  });
});
