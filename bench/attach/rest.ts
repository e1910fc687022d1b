import { createModelMachine } from "../../src/adapters/model-host/model-machine.ts";
import { createSeededRandom } from "../../src/adapters/virtual/seeded-random.ts";
import { assembleNode, followOwnObjects } from "../../src/compose/assemble-node.ts";
import { recoveryIntervalMs } from "../../src/controller/adoption/recovery-interval.ts";
import { defaultDriverName } from "../../src/core/api/driver-name.ts";
import { ok } from "../../src/core/failure/result.ts";
import { noSteps } from "../../src/csi/testing/no-steps.ts";
import { memoryCheckpoints } from "../../src/node/testing/a-node.ts";
import { silentLogger } from "../../src/ports/testing/silent-logger.ts";
import { driverTags } from "./model-disks.ts";
import { type VirtualDriver, createVirtualDriver } from "./virtual-driver.ts";

/** Until records are rebuilt and nodes have shown that they are clean, in milliseconds. */
const SETTLING_MS = 1_200_000;
/** How long the nodes' plug-ins run: their writes repeat every few seconds. */
const WITH_NODES_MS = 120_000;
const MS_PER_HOUR = 3_600_000;
const MS_PER_SECOND = 1000;
const HEARTBEAT_MS = 10_000;
const never = new AbortController().signal;

/** What a large cluster costs while nothing happens in it. */
export interface Rest {
  readonly nodes: number;
  readonly disks: number;
  /** Each page of a list is one. */
  readonly armCallsPerHour: number;
  /** Writes of the controller to the object store. */
  readonly controllerWritesPerSecond: number;
  /** Those of the node plug-ins, which are heartbeats. */
  readonly nodeWritesPerSecond: number;
}

/**
 * The shipped controller over Azure's model with disks that no pod uses, for hours; then the shipped node
 * plug-ins on modelled machines.
 */
export async function measureRest({
  nodes = 1000,
  disks = 10_000,
  heartbeatsPerSecond = 18,
} = {}): Promise<Rest> {
  const driver = await createVirtualDriver({
    vms: nodes,
    heartbeatsPerSecond,
    prepare: (cloud) => void cloud.addDisks(disks, driverTags),
  });
  const { cloud, store } = driver;
  const { clock, model, run } = cloud;
  // Whole intervals, an hour or more in all. The nodes' OS disks are listed, too.
  const everyMs = recoveryIntervalMs([model.world.disks.size]);
  const measuredMs = Math.ceil(MS_PER_HOUR / everyMs) * everyMs;
  await run(clock.sleep(SETTLING_MS, never));
  if (store.objects("AzVolume").length !== disks) throw new Error("not every volume was rebuilt");
  const writesBy = new Map<string, number>();
  store.onCommit(({ by }) => writesBy.set(by, (writesBy.get(by) ?? 0) + 1));
  const before = model.journal.lastSequence();
  await run(clock.sleep(measuredMs, never));
  const calls = model.journal.since(before, Infinity).filter(({ kind }) => kind !== "admin");
  const controllerWrites = writesBy.get("controller") ?? 0;
  startNodes(driver);
  await run(clock.sleep(WITH_NODES_MS, never));
  writesBy.clear();
  await run(clock.sleep(WITH_NODES_MS, never));
  const nodeWrites = [...writesBy].filter(([by]) => by !== "controller").map(([, writes]) => writes);
  return {
    nodes,
    disks,
    armCallsPerHour: Math.round((calls.length * MS_PER_HOUR) / measuredMs),
    controllerWritesPerSecond: perSecond(controllerWrites, measuredMs),
    nodeWritesPerSecond: perSecond(
      nodeWrites.reduce((sum, writes) => sum + writes, 0),
      WITH_NODES_MS,
    ),
  };
}

/** Starts a plug-in on each node. */
function startNodes({ cloud, store: simulated }: VirtualDriver): void {
  const { clock, nodes } = cloud;
  for (const [index, node] of nodes.entries()) {
    const { nodeName } = node;
    const random = createSeededRandom(index);
    const checkpoints = memoryCheckpoints();
    const ports = { clock, random, logger: silentLogger };
    const { cache, store } = followOwnObjects({ ...ports, store: simulated.handle(nodeName), nodeName });
    const plugin = assembleNode({
      ...ports,
      checkpoints,
      store,
      cache,
      host: createModelMachine({ nodeName, clock }).startPlugin(),
      steps: noSteps,
      events: { emit: () => undefined },
      node: { ...node, location: "eastus", vmSize: "", zone: "", zoneLabel: undefined, busType: "SCSI" },
      driverName: defaultDriverName,
      otherDriver: () => undefined,
      metadata: undefined,
      limit: {
        given: 32,
        reserved: 0,
        ownNode: {
          read: async () => ok(undefined),
          drivers: async () => ok([]),
          replaceTaints: async () => ok(undefined),
        },
      },
      settings: {
        platform: "linux",
        driverVersion: "0.0.0-bench",
        attach: "kubernetes",
        reservations: false,
        stageWaitMs: 100_000,
        deviceWaitMs: 60_000,
        heartbeatMs: HEARTBEAT_MS,
        allowedRoots: ["/var/lib/kubelet"],
      },
    });
    const running = Promise.all([cache.run(never), cache.untilSynced(never).then(() => plugin.run(never))]);
    running.catch((reason: unknown) => {
      throw reason;
    });
  }
}

function perSecond(count: number, ms: number): number {
  return Math.round((count * MS_PER_SECOND * 100) / ms) / 100;
}
