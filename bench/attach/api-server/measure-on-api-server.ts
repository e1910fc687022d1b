import { setTimeout as sleep } from "node:timers/promises";
import { processorSeconds } from "../../../scripts/child/processor-seconds.ts";
import { whyNoApiServer } from "../../../test/kubernetes-store/api-server.ts";
import { residentMiB } from "../../resident-memory.ts";
import { rounded } from "../../rounded.ts";
import { diskUri } from "../place.ts";
import { type EmulatorProcess, inFolder, NODE, startEmulatorProcess } from "../wire/shipped-controller.ts";
import { type Cluster, type Definitions, startCluster } from "./cluster.ts";
import { type ControllerInCluster, startOurs } from "./controller-in-cluster.ts";
import { definitionsOfV2, startGoDriverV2 } from "./go-driver-v2.ts";

/** Of Azure's latencies. */
const LOAD_TIME_SCALE = 0.05;
const SETTLE_MS = 10_000;
const ONE_BY_ONE = 5;
const AT_ONCE = 35;
const BURSTS = [1, 12, 30, 1, 12, 30] as const;
const OTHER_NODE = "node-1";
const MOVES = 6;
const MS_PER_SECOND = 1000;

/** One of the drivers. */
interface Side {
  /** Default: ours. */
  readonly definitions?: Definitions;
  readonly start: (parts: Parts, folder: string) => Promise<ControllerInCluster>;
}

interface Parts {
  readonly emulator: EmulatorProcess;
  readonly cluster: Cluster;
  readonly timeScale: number;
}

/**
 * Ours on Kubernetes' API server, and beside it the driver V2 in Go where `GO_DRIVER_V2` names its checkout:
 * the same creations and bursts as the part `controller`, fewer of them, and moves of a volume to its replica
 * at Azure's own pace.
 */
export async function measureOnApiServer(): Promise<Readonly<Record<string, number | string>>> {
  const missing = await whyNoApiServer();
  if (missing !== undefined) return { skipped: missing };
  const checkout = process.env["GO_DRIVER_V2"] || undefined;
  const goSide: Side | undefined =
    checkout === undefined
      ? undefined
      : {
          definitions: definitionsOfV2(checkout),
          start: (parts, folder) => startGoDriverV2(checkout, folder, parts),
        };
  const ours = await measureSide({ start: (parts, folder) => startOurs(folder, parts) });
  if (goSide === undefined) return ours;
  const go = await measureSide(goSide);
  const ratios = Object.entries(ours).flatMap(([name, value]) => {
    const beside = go[name] ?? 0;
    return beside === 0 ? [] : [[`times${capital(name)}`, rounded(value / beside, 2)] as const];
  });
  return {
    ...ours,
    ...Object.fromEntries(Object.entries(go).map(([name, value]) => [`go${capital(name)}`, value])),
    ...Object.fromEntries(ratios),
  };
}

async function measureSide(side: Side): Promise<Readonly<Record<string, number>>> {
  return {
    ...(await inCluster(side, LOAD_TIME_SCALE, measureLoad)),
    ...(await inCluster(side, 1, measureMoves)),
  };
}

async function inCluster<T>(
  { definitions, start }: Side,
  timeScale: number,
  measure: (parts: Parts, controller: ControllerInCluster) => Promise<T>,
): Promise<T> {
  const nodes = [NODE, OTHER_NODE];
  return inFolder(async (folder) => {
    await using parts = new AsyncDisposableStack();
    const emulator = await startEmulatorProcess(folder, timeScale, nodes);
    parts.defer(emulator.stop);
    const cluster = await startCluster(nodes, definitions);
    parts.defer(cluster.close);
    const controller = await start({ emulator, cluster, timeScale }, folder);
    parts.defer(controller.stop);
    await sleep(SETTLE_MS);
    return await measure({ emulator, cluster, timeScale }, controller);
  });
}

async function measureLoad(
  { emulator, cluster }: Parts,
  controller: ControllerInCluster,
): Promise<Readonly<Record<string, number>>> {
  const idleMiB = await residentMiB(controller.pid);
  await emulator.newCalls();
  await cluster.newCalls();
  const before = await processorSeconds(controller.pid);
  const volumes = Array.from({ length: ONE_BY_ONE + AT_ONCE }, (_, index) => `pvc-${index}`);
  const createS = await seconds(async () => {
    for (const name of volumes.slice(0, ONE_BY_ONE)) await controller.createVolume(name);
    await Promise.all(volumes.slice(ONE_BY_ONE).map((name) => controller.createVolume(name)));
  });
  for (const name of volumes) await cluster.addVolume(name);
  const bursts: Record<string, number> = {};
  for (const size of BURSTS) {
    const these = volumes.slice(0, size);
    for (const name of these) await cluster.addVolumeAttachment(name, NODE);
    const publishS = await seconds(async () => {
      await Promise.all(
        these.map(async (name) => {
          await controller.publish(diskUri(name));
          await cluster.markAttached(name, NODE);
        }),
      );
      await cluster.untilAttached(size);
    });
    const unpublishS = await seconds(() =>
      Promise.all(these.map((name) => controller.unpublish(diskUri(name)))),
    );
    for (const name of these) await cluster.removeVolumeAttachment(name, NODE);
    bursts[`publish${size}Seconds`] = rounded(publishS, 1);
    bursts[`unpublish${size}Seconds`] = rounded(unpublishS, 1);
  }
  const cpuSeconds = (await processorSeconds(controller.pid)) - before;
  const serverCalls = await cluster.newCalls();
  return {
    idleMiB: rounded(idleMiB, 1),
    afterLoadMiB: rounded(await residentMiB(controller.pid), 1),
    cpuSeconds: rounded(cpuSeconds, 2),
    azureCalls: (await emulator.newCalls()).length,
    serverCalls,
    createSeconds: rounded(createS, 1),
    // Of the second round.
    ...bursts,
    repeats: controller.repeats(),
  };
}

/** A pod with a disk of two shares moves to and fro: unpublish from one node, publish to the other. */
async function measureMoves(
  { emulator, cluster }: Parts,
  controller: ControllerInCluster,
): Promise<Readonly<Record<string, number>>> {
  const volume = "pvc-0";
  const id = diskUri(volume);
  await controller.createVolume(volume, {
    maxShares: "2",
    cachingMode: "None",
    "csi.storage.k8s.io/pv/name": volume,
    "csi.storage.k8s.io/pvc/name": volume,
    "csi.storage.k8s.io/pvc/namespace": "default",
  });
  await cluster.addVolume(volume);
  await cluster.addVolumeAttachment(volume, NODE);
  await controller.publish(id, NODE);
  await cluster.markAttached(volume, NODE);
  await cluster.untilAttached(1);
  await cluster.addPod("pod-0", volume, NODE);
  const replicaS = await seconds(() => cluster.untilAttached(2));
  await sleep(SETTLE_MS);
  const moveS: number[] = [];
  await emulator.newCalls();
  await cluster.newCalls();
  for (let move = 1; move <= MOVES; move++) {
    const [from, to] = move % 2 === 1 ? [NODE, OTHER_NODE] : [OTHER_NODE, NODE];
    await cluster.removePod(`pod-${move - 1}`);
    const moved = await seconds(async () => {
      await controller.unpublish(id, from);
      await cluster.removeVolumeAttachment(volume, from);
      await cluster.addVolumeAttachment(volume, to);
      await controller.publish(id, to);
    });
    moveS.push(moved);
    await cluster.markAttached(volume, to);
    await cluster.addPod(`pod-${move}`, volume, to);
    await cluster.untilAttached(2);
    await sleep(SETTLE_MS);
  }
  const calls = await cluster.newCalls();
  const sorted = moveS.toSorted((a, b) => a - b);
  return {
    replicaSeconds: rounded(replicaS, 1),
    moveSeconds: rounded(sorted[Math.floor(MOVES / 2)] ?? 0, 3),
    moveSecondsMax: rounded(sorted.at(-1) ?? 0, 3),
    moveAzureCalls: rounded((await emulator.newCalls()).length / MOVES, 1),
    moveServerCalls: rounded(calls / MOVES, 1),
    moveRepeats: controller.repeats(),
  };
}

async function seconds(act: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now();
  await act();
  return (performance.now() - startedMs) / MS_PER_SECOND;
}

function capital(name: string): string {
  return `${name.charAt(0).toUpperCase()}${name.slice(1)}`;
}
