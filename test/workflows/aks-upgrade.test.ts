import assert from "node:assert/strict";
import { it } from "node:test";
import { attachedNodes, stateOfFileSystem } from "../../demo/observe.ts";
import { createVolume, deleteVolume } from "../../demo/volume-moves.ts";
import { waitUntil } from "../../demo/wait-until.ts";
import { type Reimages, reimagesByCall, reimagesByEvent, upgradeNodes } from "./aks-upgrade.ts";
import { emulatorJournal, lengthenNotices } from "./emulator-admin.ts";
import { untilServed } from "./volume-use.ts";
import { type LabWorld, withLab } from "./with-lab.ts";
import { startWritingPod, type WritingPod } from "./writing-pod.ts";

const vms = [
  { name: "node-a", zone: "1" },
  { name: "node-b", zone: "1" },
  { name: "node-c", zone: "1" },
];
const ATTACHED_MAX_MS = 120_000;
/** Long enough that nothing is released between two calls of a drain. */
const RELEASE_AFTER_MS = 500;
/** In Azure's time, an hour. One detach in six hundred takes longer than by default, and would be forced. */
const FORCE_DETACH_AFTER_MS = 3_600_000;

/** A pod on a node, and how many nodes its disk is attached to, its own included. */
interface PodSetUp {
  readonly name: string;
  readonly nodeName: string;
  readonly maxShares: number;
}

const setUps: readonly PodSetUp[] = [
  { name: "everywhere", nodeName: "node-a", maxShares: 3 },
  { name: "one-replica", nodeName: "node-b", maxShares: 2 },
  { name: "no-replica", nodeName: "node-c", maxShares: 1 },
];

async function startPod(world: LabWorld, { name, nodeName, maxShares }: PodSetUp): Promise<WritingPod> {
  const volume = await createVolume(world.lab, {
    name,
    sizeGiB: 1n,
    parameters: { skuName: "Premium_LRS", maxShares: String(maxShares) },
    zones: ["eastus-1"],
  });
  return startWritingPod(world, volume, world.node(nodeName));
}

/** Waits until each volume has its primary on its pod's node, and all its replicas. */
async function untilAttached({ lab, signal }: LabWorld, pods: readonly WritingPod[]): Promise<void> {
  for (const [index, pod] of pods.entries())
    await waitUntil(`replicas of ${pod.volume.name}`, ATTACHED_MAX_MS, async () => {
      const attached = await attachedNodes(lab, pod.volume, signal);
      const primaries = [...attached].filter(([, { spec }]) => spec.role === "Primary");
      assert.ok(primaries.length <= 1, `${pod.volume.name} has several primaries`);
      return primaries[0]?.[0] === pod.node.name && attached.size === setUps[index]?.maxShares
        ? true
        : undefined;
    });
}

async function upgrades(world: LabWorld, reimages: Reimages): Promise<void> {
  const { lab, signal, node } = world;
  const pods = await Promise.all(setUps.map((setUp) => startPod(world, setUp)));
  await untilAttached(world, pods);
  const { lastSequence } = await emulatorJournal(lab);
  await upgradeNodes(world, reimages, {
    drain: async (drained) => {
      const next = node(drained.name === "node-c" ? "node-a" : "node-c");
      for (const pod of pods) if (pod.node === drained) await pod.moveTo(next);
    },
    duringReimage: async (reimaged) => {
      for (const pod of pods) {
        assert.ok(!(await attachedNodes(lab, pod.volume, signal)).has(reimaged.name));
        await pod.untilWritten();
      }
    },
    afterwards: () => untilAttached(world, pods),
  });
  const { value } = await emulatorJournal(lab, lastSequence);
  const forced = value.filter(({ body }) => JSON.stringify(body ?? {}).includes("ForceDetach"));
  assert.equal(forced.length, 0, `detached by force: ${JSON.stringify(forced)}`);
  for (const pod of pods) {
    assert.ok((await pod.end()) > 0);
    assert.equal(await stateOfFileSystem(lab, pod.volume), "clean");
    await untilServed(() => deleteVolume(lab, pod.volume));
  }
}

const setUp = {
  vms,
  scaleSet: "pool",
  controllerFlags: [
    `--release-drained-after-ms=${RELEASE_AFTER_MS}`,
    `--force-detach-after-ms=${FORCE_DETACH_AFTER_MS}`,
  ],
};
/**
 * An event gives a node 180 s to be drained. It begins when the upgrade of the node before has ended, and
 * that one's replicas return first, for which a busy machine has taken 45 s.
 */
const NOTICES_FACTOR = 10;

it("an upgrade reimages every node while pods write, and loses nothing", (t) =>
  withLab(t, setUp, (world) => upgrades(world, reimagesByCall(world))));

it("a rolling upgrade waits for each node's drain, and loses nothing", (t) =>
  withLab(t, setUp, async (world) => {
    await lengthenNotices(world.lab, NOTICES_FACTOR);
    await upgrades(world, reimagesByEvent(world));
  }));
