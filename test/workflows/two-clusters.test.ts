import assert from "node:assert/strict";
import { it } from "node:test";
import { freeze, thaw } from "../../demo/act-failovers.ts";
import { attachedNodes, readRecord, readStateTags } from "../../demo/observe.ts";
import {
  createVolume,
  type DemoVolume,
  deleteVolume,
  unpublishOnController,
} from "../../demo/volume-moves.ts";
import { waitUntil } from "../../demo/wait-until.ts";
import { recordsHold, startWriter, type Writer } from "../../demo/workload.ts";
import { emulatorJournal } from "./emulator-admin.ts";
import { noneQuarantined } from "./record-history.ts";
import { loseTheStore } from "./store/lose-the-store.ts";
import { bringUp, takeDown, takeDownAfterFence, untilServed } from "./volume-use.ts";
import { type LabWorld, withLab } from "./with-lab.ts";

const first = ["node-a", "node-b"].map((name) => ({ name, zone: "1" }));
const second = ["node-x", "node-y"].map((name) => ({ name, zone: "1" }));
const FORMATTED = "disk.csi.azure.com-formatted";
const WAIT_MAX_MS = 120_000;
const STOP_GRACE_MS = 60_000;
const PRUNE_AFTER_MS = 2_000;

/**
 * A cluster with a volume that a workload writes, with a replica, and a volume that is attached nowhere.
 */
interface Cluster {
  readonly world: LabWorld;
  /** Its nodes: the writer's, and the replica's. */
  readonly nodes: readonly [string, string];
  readonly used: DemoVolume;
  readonly idle: DemoVolume;
  readonly writer: Writer;
}

async function settle(world: LabWorld, name: string, nodes: readonly [string, string]): Promise<Cluster> {
  const { lab, node } = world;
  const volume = (suffix: string): Promise<DemoVolume> =>
    createVolume(lab, {
      name: `${name}-${suffix}`,
      sizeGiB: 1n,
      parameters: { skuName: "Premium_LRS", maxShares: "2" },
      zones: ["eastus-1"],
    });
  const [used, idle] = [await volume("used"), await volume("idle")];
  await bringUp(lab, used, node(nodes[0]));
  const writer = await startWriter(lab, node(nodes[0]), used, 1);
  const cluster = { world, nodes, used, idle, writer };
  await untilReplica(cluster);
  // The controller tags the disk once its volume is at rest: its last change on its own.
  await waitUntil("the tag of the first format", WAIT_MAX_MS, async () =>
    FORMATTED in ((await readStateTags(lab, used, world.signal)) ?? {}) ? true : undefined,
  );
  return cluster;
}

async function untilReplica({ world: { lab, signal }, used, nodes }: Cluster): Promise<void> {
  await waitUntil(`a replica on ${nodes[1]}`, WAIT_MAX_MS, async () =>
    (await attachedNodes(lab, used, signal)).has(nodes[1]) ? true : undefined,
  );
}

/** The ids of its VMs and disks. */
async function resourcesOf({ world: { lab }, used, idle }: Cluster): Promise<readonly string[]> {
  const instances = [...(await lab.emulator.instances()).values()].map(({ instanceUri }) => instanceUri);
  return [...instances, used.volumeId, idle.volumeId];
}

/** Runs `act`, and checks that it changes nothing of `quiet`, whose workload writes throughout. */
async function leavesAlone(quiet: Cluster, act: () => Promise<void>): Promise<void> {
  const { world, used, writer } = quiet;
  const { lab, signal } = world;
  const others = (await resourcesOf(quiet)).map((uri) => uri.toLowerCase());
  const disks = await disksOf(quiet);
  const record = await readRecord(lab, used, signal);
  const attached = [...(await attachedNodes(lab, used, signal)).keys()].toSorted();
  const { lastSequence } = await emulatorJournal(lab);
  await act();
  const { value: calls } = await emulatorJournal(lab, lastSequence);
  const changes = calls.filter(({ kind, method }) => kind === "arm" && method !== "GET");
  assert.ok(changes.length > 0, "the other cluster has changed something");
  for (const { method, path, body } of changes) {
    const named = `${path} ${JSON.stringify(body ?? {})}`.toLowerCase();
    assert.deepEqual(
      others.filter((uri) => named.includes(uri)),
      [],
      `${method} ${path}`,
    );
  }
  assert.deepEqual(await disksOf(quiet), disks, "VMs and tags of its disks");
  assert.deepEqual(await readRecord(lab, used, signal), record);
  assert.deepEqual([...(await attachedNodes(lab, used, signal)).keys()].toSorted(), attached);
  await writer.untilSynced(writer.lastSynced() + 5);
}

/** Its disks as Azure has them. */
async function disksOf({ world: { lab }, used, idle }: Cluster): Promise<readonly unknown[]> {
  return (await lab.emulator.disks()).filter(({ name }) => name === used.name || name === idle.name);
}

/**
 * Everything that the driver does by itself: recovery after the loss of its store, a fence, a failover, the
 * pruning of replicas. Then it deletes its volumes.
 */
async function livesThroughTrouble(cluster: Cluster): Promise<void> {
  const { world, nodes, used, idle, writer } = cluster;
  const { lab, node, signal } = world;
  const [home, replica] = nodes;
  const history = await loseTheStore(world, used);
  await lab.orchestrator.addUser(home, used.volumeId, "pod/writer");
  await Promise.all(["controller", ...nodes].map(async (name) => lab.processes.get(name)?.restart()));
  await history.untilSeen("the writer's reclaim", (record) => record.writer?.nodeName === home);
  await writer.untilSynced(writer.lastSynced() + 5);
  await waitUntil("recovery to have found the idle volume", WAIT_MAX_MS, async () =>
    (await volumesOf(cluster)).includes(idle.name) ? true : undefined,
  );
  assert.deepEqual(
    await volumesOf(cluster),
    [idle.name, used.name],
    "recovery adopts no disk of the other cluster",
  );
  await untilReplica(cluster);

  await freeze(node(home), writer);
  await lab.orchestrator.removeUser(home, used.volumeId);
  await lab.orchestrator.setOutOfService(home, true);
  await untilServed(() => unpublishOnController(lab, used, node(home)));
  await bringUp(lab, used, node(replica));
  thaw(node(home), writer);
  await lab.orchestrator.setOutOfService(home, false);
  await waitUntil(`${home} to have cleaned up`, WAIT_MAX_MS, async () =>
    noneQuarantined(await readRecord(lab, used, signal)),
  );
  assert.match(
    await writer.process.untilLine((line) => line.startsWith("failed "), WAIT_MAX_MS),
    /^failed (?:EIO|EROFS)$/u,
  );
  await takeDownAfterFence(lab, used, node(home));
  assert.ok(await recordsHold(node(replica), used, writer.lastSynced()), "every synced record is there");
  await takeDown(lab, used, node(replica));
  await waitUntil("its replicas to be pruned", WAIT_MAX_MS, async () =>
    (await attachedNodes(lab, used, signal)).size === 0 ? true : undefined,
  );
  await history.stop();

  for (const volume of [used, idle]) await deleteVolume(lab, volume);
}

async function volumesOf({ world: { lab, signal } }: Cluster): Promise<readonly string[]> {
  const listed = await lab.store.list("AzVolume", {}, signal);
  if (!listed.ok) throw new Error(listed.failure.kind);
  return listed.value.items.map(({ metadata }) => metadata.name).toSorted();
}

it("two clusters in one resource group leave each other's disks and VMs alone", async (t) => {
  await withLab(
    t,
    { vms: first, strangers: second, clusterId: "first", pruneAfterMs: PRUNE_AFTER_MS, losesStore: true },
    async (here) => {
      await withLab(
        t,
        {
          vms: second,
          beside: here.lab,
          clusterId: "second",
          pruneAfterMs: PRUNE_AFTER_MS,
          losesStore: true,
        },
        async (there) => {
          const [one, other] = [
            await settle(here, "one", ["node-a", "node-b"]),
            await settle(there, "other", ["node-x", "node-y"]),
          ];
          await leavesAlone(other, () => livesThroughTrouble(one));
          const next = await settle(here, "next", ["node-a", "node-b"]);
          await leavesAlone(next, () => livesThroughTrouble(other));
          await next.writer.process.stop(STOP_GRACE_MS);
          await takeDown(here.lab, next.used, here.node("node-a"));
          for (const volume of [next.used, next.idle]) await deleteVolume(here.lab, volume);
        },
      );
    },
  );
});
