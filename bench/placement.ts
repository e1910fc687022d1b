import { runProgram } from "../scripts/run-program.ts";
import type { CachedNode } from "../src/adapters/kubernetes/core/core-node.ts";
import type { ClusterPod } from "../src/adapters/kubernetes/core/core-pod.ts";
import { createSpreadViews } from "../src/adapters/kubernetes/spread-views.ts";
import { systemClock } from "../src/adapters/system/system-clock.ts";
import type { Options, Values } from "../src/cli/options.ts";
import { type ReconcileWorld, withControllerPorts } from "../src/controller/testing/a-controller.ts";
import { aDriverNode } from "../src/controller/testing/a-driver-node.ts";
import { placementReconciler } from "../src/controller/writer/placement-reconciler.ts";
import { invariant } from "../src/core/failure/invariant.ts";
import type { PlacedPod, SpreadConstraint } from "../src/core/schedule/pod-rules.ts";
import { aPod, zoneSpread } from "../src/core/schedule/testing/placement.ts";
import { aDetail, aVolumeWithRecord, aWriter, diskUri } from "../src/core/testing/objects.ts";
import { rounded } from "./rounded.ts";

const USAGE = `npm run bench:placement [-- flags]

One search of the leader for volumes that could get a replica on a node that has just become usable: each
volume lacks one, and its pod has a topology spread constraint by zone. All pods are in one namespace. Prints
the processor time, and for how long the event loop was stopped at most.`;
const options = {
  nodes: {
    kind: "number",
    default: 5_000,
    min: 3,
    max: 100_000,
    isWhole: true,
    help: "Nodes of the cluster",
  },
  volumes: { kind: "number", default: 10_000, min: 1, max: 1e6, isWhole: true, help: "Volumes, and pods" },
  workloads: {
    kind: "number",
    default: 2_000,
    min: 1,
    max: 1e6,
    isWhole: true,
    help: "Different constraints of the second search; in the first, all pods have the same",
  },
  json: { kind: "flag", help: "One JSON object a search instead of a table" },
} as const satisfies Options;
const ZONES = 3;
/** Nodes whose change starts the search. */
const CHANGED = ["node-0", "node-1", "node-2"];
const US_PER_MS = 1_000;

/** The figures of one search. */
interface Searched {
  readonly workloads: number;
  readonly processorMs: number;
  readonly longestStopMs: number;
  readonly planned: number;
}

async function main({ json, workloads, ...sizes }: Values<typeof options>): Promise<void> {
  for (const each of [1, workloads]) {
    const searched = await search({ ...sizes, workloads: each });
    console.log(
      json
        ? JSON.stringify(searched)
        : `${String(each).padStart(6)} constraints: ${searched.processorMs} ms of processor time, ` +
            `stopped for ${searched.longestStopMs} ms at most, ${searched.planned} volumes planned`,
    );
  }
}

async function search(sizes: {
  readonly nodes: number;
  readonly volumes: number;
  readonly workloads: number;
}): Promise<Searched> {
  const { workloads } = sizes;
  let found: Searched | undefined;
  await withControllerPorts(async (world) => {
    for (const nodeName of CHANGED) await world.given("AzDriverNode", aDriverNode(nodeName));
    let planned = 0;
    const { reconcile } = placementReconciler(portsOf(world, sizes), new Set(CHANGED), () => planned++);
    const stops = watchStops();
    const before = process.cpuUsage();
    await reconcile("", new AbortController().signal);
    const { user, system } = process.cpuUsage(before);
    const longestStopMs = await stops.end();
    found = {
      workloads,
      processorMs: rounded((user + system) / US_PER_MS, 0),
      longestStopMs: rounded(longestStopMs, 0),
      planned,
    };
  });
  invariant(found !== undefined, "the search has not ended");
  return found;
}

/** The longest time between two timers of a millisecond, until `end`, in milliseconds. */
function watchStops(): { readonly end: () => Promise<number> } {
  let [lastMs, longestMs] = [performance.now(), 0];
  const look = (): void => {
    const nowMs = performance.now();
    longestMs = Math.max(longestMs, nowMs - lastMs);
    lastMs = nowMs;
  };
  const timer = setInterval(look, 1);
  return {
    end: async () => {
      await systemClock.sleep(1, new AbortController().signal);
      look();
      clearInterval(timer);
      return longestMs;
    },
  };
}

/** The ports of a leader whose caches show the cluster. */
function portsOf(
  world: ReconcileWorld,
  sizes: { readonly nodes: number; readonly volumes: number; readonly workloads: number },
): ReconcileWorld["ports"] {
  const { cache, users } = world.ports;
  const nodes = Array.from({ length: sizes.nodes }, (_, index) => cachedNode(index));
  const labelsOf = new Map(nodes.map(({ metadata, labels }) => [metadata.name, labels]));
  const placed = Array.from({ length: sizes.volumes }, (_, index) =>
    placedPod(index, index % sizes.workloads, nodes[index % sizes.nodes]),
  );
  const pods = placed.map(clusterPod);
  const volumes = placed.map(({ name, nodeName }) => {
    const volume = aVolumeWithRecord({ writer: aWriter(nodeName) }, { maxMountReplicaCount: 1 });
    const detail = aDetail({ diskUri: `${diskUri}-${name}` });
    return {
      ...volume,
      metadata: { ...volume.metadata, name: `pvc-${name}` },
      status: { ...volume.status, detail },
    };
  });
  const volumeOf = new Map(volumes.map((volume) => [volume.metadata.name, volume]));
  const podOf = new Map(placed.map((pod) => [`${diskUri}-${pod.name}`, pod]));
  const stay = (): (() => void) => () => {};
  const viewOf = createSpreadViews({
    pods: { byIndex: () => pods, onChange: stay },
    nodes: { list: () => nodes, onChange: stay },
  });
  // The types of a kind's answers are known to the cache alone.
  const shown = {
    ...cache,
    list: (kind: string) => (kind === "AzVolume" ? volumes : cache.list(kind as "AzDriverNode")),
    get: (kind: string, name: string) =>
      kind === "AzVolume" ? volumeOf.get(name) : cache.get(kind as "AzDriverNode", name),
  } as unknown as typeof cache;
  return {
    ...world.ports,
    clock: { ...systemClock, nowMs: () => world.clock.nowMs() },
    cache: shown,
    users: {
      ...users,
      cachedNode: (nodeName) => ({ ...users.cachedNode(nodeName), labels: labelsOf.get(nodeName) ?? {} }),
      cachedPlacement: (volumeId) => {
        const pod = podOf.get(volumeId);
        invariant(pod !== undefined, `volume ${volumeId} has no pod`);
        return { pods: [pod], neighbours: [], spreadView: viewOf([pod]) };
      },
    },
  };
}

function cachedNode(index: number): CachedNode {
  const name = `node-${index}`;
  const zone = `eastus-${(index % ZONES) + 1}`;
  return {
    metadata: { name, uid: name, resourceVersion: "1", creationTimestamp: "" },
    labels: { "kubernetes.io/hostname": name, "topology.kubernetes.io/zone": zone },
    taints: [],
    isUnschedulable: false,
    instanceUri: "",
    isMarkedByDriver: false,
  };
}

function placedPod(index: number, workload: number, node: CachedNode | undefined): PlacedPod {
  const labels = { app: `app-${workload}`, "pod-index": `${index}` };
  const spread: SpreadConstraint = {
    ...zoneSpread,
    selector: [{ key: "app", operator: "In", values: [labels.app] }],
  };
  const nodeName = node?.metadata.name ?? "";
  return aPod({ name: `db-${index}`, labels, spread: [spread], nodeName, nodeLabels: node?.labels ?? {} });
}

function clusterPod({ namespace, name, labels, nodeName }: PlacedPod): ClusterPod {
  return {
    metadata: { namespace, name, uid: name, resourceVersion: "1" },
    nodeName,
    isPending: false,
    isTerminating: false,
    claims: [],
    diskKeys: [],
    labels,
    podAntiAffinity: [],
    rules: undefined,
    nodePlugin: undefined,
  };
}

await runProgram({ name: "npm run bench:placement", usage: USAGE, options }, main);
