import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { basename } from "node:path";
import { it } from "node:test";
import type { LabNode } from "../../demo/lab/lab.ts";
import { attachedNodes, readRecord } from "../../demo/observe.ts";
import {
  createVolume,
  deleteVolume,
  type DemoVolume,
  stagingPath,
  targetPath,
} from "../../demo/volume-moves.ts";
import { waitUntil } from "../../demo/wait-until.ts";
import type { AttachmentStatus } from "../../src/core/api/az-volume-attachment.ts";
import { failsWith } from "./csi-failure.ts";
import { deviceOf } from "./node-device.ts";
import { bringUp, takeDown } from "./volume-use.ts";
import { type LabWorld, withLab } from "./with-lab.ts";

const SOON_MS = 120_000;
const vms = [{ name: "node-a", zone: "1" }];

/** The kernel counts an error in the mounted ext4, and does what its mount options ask for. */
async function damage({ lab, signal }: LabWorld, volume: DemoVolume, node: LabNode): Promise<void> {
  const device = basename(await deviceOf(lab, volume, node, signal));
  await writeFile(`/sys/fs/ext4/${device}/trigger_fs_error`, "a test");
}

function usage(volume: DemoVolume, node: LabNode): Promise<unknown> {
  const request = { volumeId: volume.volumeId, volumePath: targetPath(node, volume) };
  return node.csi.nodeGetVolumeStats({ ...request, stagingTargetPath: stagingPath(node, volume) });
}

async function statusOn(
  { lab, signal }: LabWorld,
  volume: DemoVolume,
  node: LabNode,
): Promise<AttachmentStatus> {
  const attachment = (await attachedNodes(lab, volume, signal)).get(node.name);
  return attachment?.status ?? assert.fail(`${volume.name} is not attached to ${node.name}`);
}

/** Which of its conditions say that a mount is unhealthy, by reason. */
async function unhealthy({ lab, signal }: LabWorld, volume: DemoVolume): Promise<readonly string[]> {
  const found = await lab.store.get("AzVolume", volume.name, signal);
  assert.ok(found.ok);
  const conditions = found.value.status?.conditions ?? [];
  return conditions.flatMap(({ type, reason }) => (type === "MountUnhealthy" ? reason : []));
}

/** Waits until the node states just these, and the leader has shown them and set its condition. */
async function untilShown(
  world: LabWorld,
  volume: DemoVolume,
  reason: "MountDead" | "FileSystemErrors",
): Promise<void> {
  const node = world.node("node-a");
  await waitUntil(`${reason} to be shown`, SOON_MS, async () => {
    const { mountProblems = [], mountProblemsShown = [] } = await statusOn(world, volume, node);
    const isStated = mountProblems.some((problem) => problem.reason === reason);
    const isShown = mountProblemsShown.some((shown) => shown.reason === reason);
    const isCondition = (await unhealthy(world, volume)).join() === reason;
    return isStated && isShown && isCondition ? true : undefined;
  });
  const record = await readRecord(world.lab, volume, world.signal);
  const { recall } = await statusOn(world, volume, node);
  assert.deepEqual(
    [record?.writer?.nodeName, record?.writer?.held, record?.fencing, recall],
    ["node-a", true, undefined, undefined],
    "the node keeps the volume",
  );
}

/** A pod is deleted and comes again. */
async function untilWellAgain(world: LabWorld, volume: DemoVolume): Promise<void> {
  const node = world.node("node-a");
  await takeDown(world.lab, volume, node);
  await bringUp(world.lab, volume, node);
  await usage(volume, node);
  await waitUntil("the mount to be well again", SOON_MS, async () => {
    const { mountProblems = [] } = await statusOn(world, volume, node);
    // What the dead mount has lost stays stated.
    const isWell = mountProblems.every(
      ({ reason }) => reason === "FileSystemRepaired" || reason === "WritesLost",
    );
    return isWell && (await unhealthy(world, volume)).length === 0 ? true : undefined;
  });
}

/** The kernel keeps the file system in use. */
async function statesErrors(world: LabWorld, volume: DemoVolume): Promise<void> {
  const node = world.node("node-a");
  await usage(volume, node);
  assert.deepEqual((await statusOn(world, volume, node)).mountProblems ?? [], []);
  await damage(world, volume, node);
  await usage(volume, node);
  await untilShown(world, volume, "FileSystemErrors");
  await untilWellAgain(world, volume);
}

/** The kernel makes it read-only. */
async function statesDeath(world: LabWorld, volume: DemoVolume): Promise<void> {
  const node = world.node("node-a");
  await damage(world, volume, node);
  await failsWith(usage(volume, node), "FAILED_PRECONDITION", "is dead");
  await untilShown(world, volume, "MountDead");
  await untilWellAgain(world, volume);
}

it("a node states what is wrong with its mounts, and the leader shows it", async (t) => {
  await withLab(t, { vms }, async (world) => {
    const create = (name: string, mountFlags: readonly string[]): Promise<DemoVolume> => {
      const value = { fsType: "ext4", mountFlags, volumeMountGroup: "" };
      const accessMode = { mode: "SINGLE_NODE_WRITER" } as const;
      const capability = { accessMode, accessType: { $case: "mount", value } } as const;
      const parameters = { skuName: "Premium_LRS", maxShares: "1" };
      return createVolume(world.lab, {
        name,
        sizeGiB: 1n,
        parameters,
        zones: ["eastus-1"],
        capability,
      });
    };
    const used = await create("damaged", ["errors=continue"]);
    const readOnly = await create("dead", ["errors=remount-ro"]);
    for (const volume of [used, readOnly]) await bringUp(world.lab, volume, world.node("node-a"));
    await t.test("errors in a file system that is used on", () => statesErrors(world, used));
    await t.test("a file system that the kernel has made read-only", () => statesDeath(world, readOnly));
    for (const volume of [used, readOnly]) {
      await takeDown(world.lab, volume, world.node("node-a"));
      await deleteVolume(world.lab, volume);
    }
  });
});
