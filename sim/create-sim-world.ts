import type { Denial } from "../src/adapters/object-semantics/decide-write.ts";
import { createSimulatedStore } from "../src/adapters/simulated-store/simulated-store.ts";
import type { Weather } from "../src/adapters/simulated-store/weather.ts";
import { createSeededRandom } from "../src/adapters/virtual/seeded-random.ts";
import { createVirtualClock } from "../src/adapters/virtual/virtual-clock.ts";
import type { VolumeSettings } from "../src/core/attachment/observed-volume.ts";
import { parseDiskUri } from "../src/core/azure/ids/disk-uri.ts";
import type { ModelSettings } from "../src/emulator/model/settings.ts";
import { findDisk } from "../src/emulator/model/world.ts";
import type { Random } from "../src/ports/random.ts";
import { nodeRefusal, type NodeToken } from "./admission/node-admission.ts";
import { nodeForbidden } from "./admission/node-rights.ts";
import { createRefusedReleases } from "./admission/refused-releases.ts";
import { stolenToken } from "./admission/stolen-token.ts";
import { createTokenUids } from "./admission/token-uids.ts";
import { type Agenda, createAgenda } from "./agenda.ts";
import { type AzureRegion, createAzureRegion } from "./azure/create-azure-region.ts";
import { createSimAzure, type SimAzureOptions } from "./azure/create-sim-azure.ts";
import { diskUriOf } from "./azure/vm-names.ts";
import { createTrace, prefixedTrace } from "./create-trace.ts";
import { createDriver } from "./driver/create-driver.ts";
import { rankNodesBy } from "./driver/rank-nodes.ts";
import { createCopyHistory } from "./history/copy-history.ts";
import { createContainerIo } from "./history/create-container-io.ts";
import { createSnapshotHistory } from "./history/snapshot-history.ts";
import type { Violation } from "./history/violation.ts";
import { createSimCluster } from "./kubernetes/create-sim-cluster.ts";
import type { SimCluster } from "./kubernetes/sim-cluster.ts";
import { installQuickAbort } from "./platform/quick-abort.ts";
import type { SimWorld } from "./world.ts";

/** The shape of a cluster. */
export interface SimClusterShape {
  readonly nodes: SimAzureOptions["nodes"];
  /** Whether Kubernetes' attach controller takes part. */
  readonly attach: "kubernetes" | "driver";
  /** The size of all its VMs, which says how many data disks each takes. Default: eight. */
  readonly vmSize?: string | undefined;
  /**
   * Nodes do not name their VM (`spec.providerID`), and controllers trust the reports of node plug-ins. A
   * kubelet that recreates its Node names it. Default: Nodes name it.
   */
  readonly hasUnnamedVms?: true | undefined;
  /**
   * Every Node that is recreated is recreated by a restarted kubelet, which requests tokens at once.
   * Default: half of them.
   */
  readonly areKubeletsRestarted?: true | undefined;
  /** Nodes reserve the disks that they write and that others have as replicas. Default: they do not. */
  readonly reservations?: true | undefined;
  /** Volumes of a deleted Node are detached at once, as from Kubernetes 1.38 on. Default: as in 1.37. */
  readonly forgetsDeletedNodes?: true | undefined;
  /** Of its controllers. Default: the driver's own. */
  readonly settings?: Partial<VolumeSettings> | undefined;
}

/** The shape of a world. */
export interface SimWorldOptions extends SimClusterShape {
  readonly seed: number;
  /** Another cluster with its own store and driver, in the same resource group. Default: none. */
  readonly second?: SimClusterShape | undefined;
  /** Controllers of each driver. Default 2. */
  readonly controllers?: number;
  /** Factor on Azure's real latencies. Default 0.25: a failover that waits for Azure takes seconds. */
  readonly timeScale?: number;
  /** Settings of Azure's model. */
  readonly azure?: Partial<ModelSettings>;
  /**
   * The connection to the object stores without a fault. Default: calls take up to 5 ms, watches are up to
   * 20 ms late.
   */
  readonly weather?: Partial<Weather>;
}

/**
 * The first cluster, and the second one if any. `run` runs everything, as its clock is moved, until
 * `signal` is aborted.
 */
export interface SimWorlds extends SimWorld {
  readonly second: SimWorld | undefined;
  run(signal: AbortSignal): Promise<void>;
}

/** What the clusters of a world share. */
interface Shared extends Pick<SimWorld, "seed" | "clock" | "trace" | "random" | "violations" | "report"> {
  readonly agenda: Agenda;
  readonly region: AzureRegion;
  readonly timeScale: number;
  readonly options: SimWorldOptions;
}

/** A cluster that runs while `run` does. */
type RunningWorld = SimWorld & { run(signal: AbortSignal): Promise<void> };

installQuickAbort();

const CONTROLLERS = 2;
const CLUSTER_ID = "cluster-1";
/**
 * The second cluster's id, which begins with the first one's, and what distinguishes its VMs, processes
 * and random streams.
 */
const SECOND = { clusterId: "cluster-10", prefix: "second" } as const;
const TIME_SCALE = 0.25;
const weatherOfAQuietDay: Partial<Weather> = { callDelayMs: [1, 5], watchDelayMs: [0, 20] };
/** As Kubernetes' API server sends them. */
const BOOKMARK_INTERVAL_MS = 60_000;
/** Broken promises that are kept: the first ones show why. */
const VIOLATIONS_MAX = 100;

/** A world in which nothing runs yet. */
export function createSimWorld(options: SimWorldOptions): SimWorlds {
  const { seed, timeScale = TIME_SCALE } = options;
  const clock = createVirtualClock();
  const trace = createTrace(clock);
  const random = namedStreams(seed);
  const agenda = createAgenda(clock);
  const violations: Violation[] = [];
  const report: SimWorld["report"] = (violation) => {
    trace.note("promise", `broken: ${violation.invariant}: ${violation.detail}`);
    if (violations.length < VIOLATIONS_MAX) violations.push({ ...violation, atMs: clock.elapsedMs() });
  };
  const region = createAzureRegion({ clock, random, trace, agenda, timeScale, settings: options.azure });
  const shared: Shared = {
    seed,
    clock,
    trace,
    random,
    agenda,
    region,
    timeScale,
    options,
    violations: () => violations,
    report,
  };
  const first = createCluster(shared, options, { clusterId: CLUSTER_ID, prefix: undefined });
  region.addStrangers();
  const second =
    options.second === undefined ? undefined : createCluster(ownPart(shared), options.second, SECOND);
  return {
    ...first,
    second,
    run: async (signal) => {
      await Promise.all([agenda.run(signal), first.run(signal), second?.run(signal)]);
    },
  };
}

/** The second cluster's share of what is common: its random draws disturb no stream of the first one. */
function ownPart(shared: Shared): Shared {
  const { prefix } = SECOND;
  return {
    ...shared,
    trace: prefixedTrace(shared.trace, prefix),
    random: (name) => shared.random(`${prefix}/${name}`),
    report: ({ invariant, detail }) =>
      shared.report({ invariant, detail: `in the second cluster: ${detail}` }),
  };
}

/** A cluster with its store and its driver. */
function createCluster(
  { agenda, region, timeScale, options, ...shared }: Shared,
  {
    nodes,
    attach,
    vmSize,
    hasUnnamedVms,
    areKubeletsRestarted,
    reservations,
    forgetsDeletedNodes,
    settings,
  }: SimClusterShape,
  { clusterId, prefix }: { readonly clusterId: string; readonly prefix: string | undefined },
): RunningWorld {
  const { clock, trace, random, report } = shared;
  const refusedReleases = createRefusedReleases(clock);
  const store = createSimulatedStore({
    clock,
    random: random("store"),
    weather: { ...weatherOfAQuietDay, ...options.weather },
    bookmarkIntervalMs: BOOKMARK_INTERVAL_MS,
    guard: {
      forbids: (by, request) => forbiddenToNode(by, () => nodeForbidden(request, attach)),
      refuses: (by, write) => {
        const denied = deniedToNode(by, (token) => nodeRefusal(write, token));
        if (denied?.isForbidden === true) refusedReleases.note(by, write);
        return denied;
      },
    },
  });
  /**
   * The chart's role or policy refuses the same writes to the shipped plug-in. What is forbidden only
   * until a controller has seen its Node is retried.
   */
  const deniedToNode = (
    by: string,
    denialOf: (token: NodeToken) => Denial | undefined,
  ): Denial | undefined => {
    const nodeName = nodeOfToken(by, nodes);
    if (nodeName === undefined) return undefined;
    const denied = denialOf({
      nodeName,
      nodeUid: by === nodeName ? uids.ofPlugin(nodeName) : uids.issuedNow(nodeName),
    });
    if (denied !== undefined && denied.isForbidden !== true && by === nodeName)
      report({ invariant: "crashed", detail: `${by} is refused its own write: ${denied.message}` });
    return denied;
  };
  const forbiddenToNode = (by: string, refusalOf: () => string | undefined): string | undefined =>
    deniedToNode(by, () => {
      const message = refusalOf();
      return message === undefined ? undefined : { message };
    })?.message;
  store.onCommit(({ by, verb, kind, name, resourceVersion }) =>
    trace.note(by, `${verb} ${kind} ${name} @${resourceVersion}`),
  );
  const azure = createSimAzure({ region, prefix, clock, random, trace, agenda, nodes, vmSize });
  const driver = createDriver(options.controllers ?? CONTROLLERS, {
    clock,
    random,
    trace,
    agenda,
    store,
    azure,
    attach,
    reservations: reservations === true,
    clusterId,
    timeScale,
    trustsUnnamedVms: hasUnnamedVms === true,
    settings,
    report,
    connect: (observer) => cluster.connect(observer),
  });
  const containers = createContainerIo({ clock, random: random("containers"), trace, report });
  const volumeNameOf = (diskUri: string): string => parseDiskUri(diskUri)?.diskName ?? "";
  const snapshots = createSnapshotHistory({
    snapshots: azure.model.world.snapshots,
    nowMs: () => azure.model.world.nowMs,
    filesOf: (resourceUri) => azure.diskOf(resourceUri)?.files,
    whyUnfrozen: azure.whyUnfrozen,
    acknowledged: (diskUri) => containers.records.files(volumeNameOf(diskUri)),
    report,
  });
  const copies = createCopyHistory({
    disks: azure.model.world.disks,
    snapshots: azure.model.world.snapshots,
    nowMs: () => azure.model.world.nowMs,
    contentOf: azure.diskOf,
    records: containers.records,
    volumeNameOf,
    report,
  });
  const cluster: SimCluster = createSimCluster({
    clock,
    random,
    trace,
    endpoints: driver.endpoints,
    machineOf: azure.machineOf,
    instanceUriOf: hasUnnamedVms === true ? () => "" : azure.instanceUriOf,
    onMachine: azure.onMachine,
    containers,
    snapshots,
    copies,
    isInAzure: (volumeId) => findDisk(azure.model.world, volumeId) !== undefined,
    skuOf: (volumeId) => findDisk(azure.model.world, volumeId)?.spec.sku.name,
    attach,
    nodes,
    forgetsDeletedNodes,
    report,
    isTakenByOthers: (diskName) =>
      azure.isOthers(diskUriOf(diskName)) && azure.diskOf(diskUriOf(diskName)) !== undefined,
    rankNodes: rankNodesBy(store, (volumeName) => cluster.diskUriOf(volumeName)),
  });
  const uids = createTokenUids(cluster, clock, random("tokens"), { areKubeletsRestarted });
  return {
    ...shared,
    store,
    refusedReleases,
    azure,
    cluster,
    snapshots,
    controllers: driver.controllers,
    nodePlugin: driver.nodePlugin,
    run: async (signal) => {
      driver.start();
      try {
        await cluster.run(signal);
      } finally {
        driver.end();
      }
    },
  };
}

/** The node whose token a handle has: its plug-in's, or that of a process that stole it. */
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
