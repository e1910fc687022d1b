import type { Denial } from "../src/adapters/object-semantics/decide-write.ts";
import { createSimulatedStore } from "../src/adapters/simulated-store/simulated-store.ts";
import type { Weather } from "../src/adapters/simulated-store/weather.ts";
import { createSeededRandom } from "../src/adapters/virtual/seeded-random.ts";
import { createVirtualClock } from "../src/adapters/virtual/virtual-clock.ts";
import type { ModelSettings } from "../src/emulator/model/settings.ts";
import type { Random } from "../src/ports/random.ts";
import { nodeRefusal, type NodeToken } from "./admission/node-admission.ts";
import { nodeForbidden } from "./admission/node-rights.ts";
import { stolenToken } from "./admission/stolen-token.ts";
import { createTokenUids } from "./admission/token-uids.ts";
import { createAgenda } from "./agenda.ts";
import { createSimAzure } from "./azure/create-sim-azure.ts";
import { createTrace } from "./create-trace.ts";
import { createDriver } from "./driver/create-driver.ts";
import { rankNodesBy } from "./driver/rank-nodes.ts";
import { createContainerIo } from "./history/create-container-io.ts";
import type { Violation } from "./history/violation.ts";
import { createSimCluster } from "./kubernetes/create-sim-cluster.ts";
import type { SimCluster } from "./kubernetes/sim-cluster.ts";
import { installQuickAbort } from "./platform/quick-abort.ts";
import type { SimWorld } from "./world.ts";

/** What a world is like. */
export interface SimWorldOptions {
  readonly seed: number;
  readonly nodes: readonly { readonly name: string; readonly zone: string }[];
  /** Whether Kubernetes' attach controller takes part. */
  readonly attach: "kubernetes" | "driver";
  /** Controllers of the driver. Default 2. */
  readonly controllers?: number;
  /** Azure's latencies are those of the real one times this. Default 0.25: a failover with Azure in its way takes seconds. */
  readonly timeScale?: number;
  /** The size of all VMs, which says how many data disks each takes. Default: eight. */
  readonly vmSize?: string | undefined;
  /** How long replicas outlive the last request of their volume, in milliseconds. Default: the driver's own. */
  readonly collectReplicasAfterMs?: number | undefined;
  /** Settings of Azure's model. */
  readonly azure?: Partial<ModelSettings>;
  /** The way to the object store where no fault has changed it. Default: calls take up to 5 ms, watches are up to 20 ms behind. */
  readonly weather?: Partial<Weather>;
}

installQuickAbort();

const CONTROLLERS = 2;
const CLUSTER_ID = "cluster-1";
const TIME_SCALE = 0.25;
const weatherOfAQuietDay: Partial<Weather> = { callDelayMs: [1, 5], watchDelayMs: [0, 20] };
/** As Kubernetes' API server sends them. */
const BOOKMARK_INTERVAL_MS = 60_000;
/** Broken promises that are kept: the first ones tell why. */
const VIOLATIONS_MAX = 100;

/** A world in which nothing runs yet. `run` lets it, as its clock is moved, until `signal` is aborted. */
export function createSimWorld(options: SimWorldOptions): SimWorld & { run(signal: AbortSignal): Promise<void> } {
  const { seed, nodes, attach, timeScale = TIME_SCALE } = options;
  const clock = createVirtualClock();
  const trace = createTrace(clock);
  const random = namedStreams(seed);
  const agenda = createAgenda(clock);
  const store = createSimulatedStore({
    clock,
    random: random("store"),
    weather: { ...weatherOfAQuietDay, ...options.weather },
    bookmarkIntervalMs: BOOKMARK_INTERVAL_MS,
    guard: {
      forbids: (by, request) => forbiddenToNode(by, () => nodeForbidden(request, attach)),
      refuses: (by, write) => deniedToNode(by, (token) => nodeRefusal(write, token)),
    },
  });
  const violations: Violation[] = [];
  const report: SimWorld["report"] = (violation) => {
    trace.note("promise", `broken: ${violation.invariant}: ${violation.detail}`);
    if (violations.length < VIOLATIONS_MAX) violations.push({ ...violation, atMs: clock.elapsedMs() });
  };
  /**
   * What the plug-in that ships is refused, it would be refused by the chart's role or policy. What is forbidden only
   * until a controller has seen its Node is tried again.
   */
  const deniedToNode = (by: string, denialOf: (token: NodeToken) => Denial | undefined): Denial | undefined => {
    const nodeName = nodeOfToken(by, nodes);
    const denied = nodeName === undefined ? undefined : denialOf({ nodeName, nodeUid: uids.of(nodeName) });
    if (denied !== undefined && denied.isForbidden !== true && by === nodeName)
      report({ invariant: "crashed", detail: `${by} is refused its own write: ${denied.message}` });
    return denied;
  };
  const forbiddenToNode = (by: string, refusalOf: () => string | undefined): string | undefined =>
    deniedToNode(by, () => {
      const message = refusalOf();
      return message === undefined ? undefined : { message };
    })?.message;
  store.onCommit(({ by, verb, kind, name, resourceVersion }) => trace.note(by, `${verb} ${kind} ${name} @${resourceVersion}`));
  const azure = createSimAzure({
    clock,
    random,
    trace,
    agenda,
    nodes,
    timeScale,
    vmSize: options.vmSize,
    ...(options.azure === undefined ? {} : { settings: options.azure }),
  });
  const driver = createDriver(options.controllers ?? CONTROLLERS, {
    clock,
    random,
    trace,
    agenda,
    store,
    azure,
    attach,
    clusterId: CLUSTER_ID,
    timeScale,
    collectReplicasAfterMs: options.collectReplicasAfterMs,
    report,
    connect: (observer) => cluster.connect(observer),
  });
  const containers = createContainerIo({ clock, random: random("containers"), trace, report });
  const cluster: SimCluster = createSimCluster({
    clock,
    random,
    trace,
    endpoints: driver.endpoints,
    machineOf: azure.machineOf,
    instanceUriOf: azure.instanceUriOf,
    onMachine: azure.onMachine,
    containers,
    attach,
    nodes,
    report,
    rankNodes: rankNodesBy(store, (volumeName) => cluster.diskUriOf(volumeName)),
  });
  const uids = createTokenUids(cluster);
  return {
    seed,
    clock,
    trace,
    random,
    store,
    azure,
    cluster,
    controllers: driver.controllers,
    nodePlugin: driver.nodePlugin,
    violations: () => violations,
    report,
    run: async (signal) => {
      driver.start();
      try {
        await Promise.all([agenda.run(signal), cluster.run(signal)]);
      } finally {
        driver.end();
      }
    },
  };
}

/** The node whose token a handle has: its plug-in, or whatever else has got hold of the token. */
function nodeOfToken(handle: string, nodes: SimWorldOptions["nodes"]): string | undefined {
  return nodes.find(({ name }) => handle === name || handle === stolenToken(name))?.name;
}

/** The same stream for the same name. */
function namedStreams(seed: number): (name: string) => Random {
  const root = createSeededRandom(seed);
  const streams = new Map<string, Random>();
  return (name) => {
    const stream = streams.get(name) ?? root.fork(name);
    streams.set(name, stream);
    return stream;
  };
}
