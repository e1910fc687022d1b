import { createClusterNodeVolumeUsers } from "../../src/adapters/embedded/cluster-node-volume-users.ts";
import { noClusterVolumes } from "../../src/adapters/embedded/no-cluster-volumes.ts";
import {
  type SimulatedStore,
  createSimulatedStore,
} from "../../src/adapters/simulated-store/simulated-store.ts";
import type { Weather } from "../../src/adapters/simulated-store/weather.ts";
import { createSeededRandom } from "../../src/adapters/virtual/seeded-random.ts";
import { type AssembledController, assembleController } from "../../src/compose/assemble-controller.ts";
import type { ControllerParts } from "../../src/controller/create-controller-ports.ts";
import { aDriverNode } from "../../src/controller/testing/a-driver-node.ts";
import type { AzDriverNode } from "../../src/core/api/az-driver-node.ts";
import type { AzVolumeAttachment } from "../../src/core/api/az-volume-attachment.ts";
import { defaultDriverName } from "../../src/core/api/driver-name.ts";
import type { NodeIdentity } from "../../src/core/api/identity/node-identity.ts";
import { defaultElectionSettings } from "../../src/core/election/plan-candidacy.ts";
import { describeFailure } from "../../src/core/failure/describe-failure.ts";
import type { Result } from "../../src/core/failure/result.ts";
import { settings } from "../../src/core/testing/objects.ts";
import { defaultControllerServiceLimits } from "../../src/csi/testing/default-limits.ts";
import { noSteps } from "../../src/csi/testing/no-steps.ts";
import { followStore } from "../../src/objects/cache/follow-store.ts";
import type { LoopObserver } from "../../src/ports/loop-observer.ts";
import type { ObjectStore } from "../../src/ports/store/object-store.ts";
import { silentLogger } from "../../src/ports/testing/silent-logger.ts";
import { LeaseHighWaterMark } from "../../src/runtime/election/lease-high-water-mark.ts";
import { VOLUMES_MAX } from "./place.ts";
import { type VirtualCloud, createVirtualCloud } from "./virtual-cloud.ts";

type StoreWeather = Pick<Weather, "callDelayMs" | "watchDelayMs">;

/** The duration of a call to Kubernetes' API server, and of a change's way to a watch, in milliseconds. */
const STORE_MS: StoreWeather = { callDelayMs: [5, 25], watchDelayMs: [5, 25] };
/** The nodes send two heartbeats, and none in the hours after them. */
const HEARTBEAT_MS = 10_000;
const HEARTBEAT_STALE_MS = 7 * 24 * 3_600_000;

/** What sees a driver's calls of the object store, and the passes of its loops. */
export interface DriverObserver {
  /** The same store, whose calls are seen. */
  readonly observed: (store: ObjectStore) => ObjectStore;
  readonly loops: LoopObserver;
}

/** A whole controller on a virtual clock: CSI's handlers, an object store, reconcilers, Azure's model. */
export interface VirtualDriver {
  readonly cloud: VirtualCloud;
  readonly handlers: AssembledController["handlers"];
  /** All attachments, as the object store has them. */
  readonly attachments: () => readonly AzVolumeAttachment[];
  readonly store: SimulatedStore;
}

/** Starts a controller that leads, over a cloud whose nodes have registered. */
export async function createVirtualDriver(
  options: Parameters<typeof createVirtualCloud>[0] & {
    /** Changes the cloud before the controller starts. */
    readonly prepare?: (cloud: VirtualCloud) => void;
    /** Default: as good as never, since nodes send no heartbeats by themselves here. */
    readonly heartbeatStaleMs?: number;
    /** Default: the driver's own. */
    readonly heartbeatsPerSecond?: number;
    /** Sees the driver's calls of the store, and the passes of its loops. */
    readonly observer?: DriverObserver;
    /** How long the store's calls and watches take. Default: `STORE_MS`. */
    readonly weather?: StoreWeather;
  },
): Promise<VirtualDriver> {
  const cloud = createVirtualCloud(options);
  options.prepare?.(cloud);
  const { clock, provisioner } = cloud;
  const { signal } = new AbortController();
  const { simulated, following, parts } = await followOnVirtualClock(cloud, options);
  const controller = assembleController({
    driverName: defaultDriverName,
    parts,
    snapshots: provisioner,
    leaseStore: simulated.handle("controller"),
    lostClusterIds: [],
    limits: defaultControllerServiceLimits,
    election: {
      identity: "bench",
      settings: defaultElectionSettings,
      isAlone: true,
      onChange: () => undefined,
    },
    recordUnclaimed: () => undefined,
  });
  const reconciling = controller.run(signal);
  let broken: unknown;
  Promise.all([following, reconciling]).catch((reason: unknown) => {
    broken = reason;
  });
  await cloud.run(Promise.all(cloud.nodes.map(register)));
  if (broken !== undefined) throw broken;
  return {
    cloud,
    handlers: controller.handlers,
    attachments: () => simulated.objects("AzVolumeAttachment"),
    store: simulated,
  };

  async function register(node: VirtualCloud["nodes"][number]): Promise<void> {
    const first = await registerNode(parts.store, node);
    await clock.sleep(HEARTBEAT_MS, signal);
    if (first.status === undefined) throw new Error(`${node.nodeName} has no status`);
    const status = { ...first.status, heartbeat: first.status.heartbeat + 1 };
    mustAnswer(await parts.store.updateStatus("AzDriverNode", { ...first, status }, signal));
  }
}

/** Makes the AzDriverNode of a node, as its plug-in does with the first heartbeat. */
export async function registerNode(
  store: ObjectStore,
  { nodeName, vmId, instanceUri }: NodeIdentity,
): Promise<AzDriverNode> {
  const { signal } = new AbortController();
  const { spec, status } = aDriverNode(nodeName, { vmId, instanceUri, maxVolumes: VOLUMES_MAX, zone: "" });
  const created = mustAnswer(
    await store.create("AzDriverNode", { metadata: { name: nodeName }, spec }, signal),
  );
  return mustAnswer(await store.updateStatus("AzDriverNode", { ...created, status }, signal));
}

/** Ports of a controller on the cloud's clock, whose cache follows an object store that is empty at first. */
export async function followOnVirtualClock(
  cloud: VirtualCloud,
  options: {
    readonly heartbeatStaleMs?: number;
    readonly heartbeatsPerSecond?: number;
    readonly observer?: DriverObserver;
    readonly weather?: StoreWeather;
  } = {},
): Promise<{
  readonly simulated: SimulatedStore;
  /** Ends, with an error, if the cache stops following. */
  readonly following: Promise<void>;
  readonly parts: ControllerParts;
}> {
  const { clock, provisioner } = cloud;
  const random = createSeededRandom(1);
  const { observer, weather = STORE_MS } = options;
  const simulated = createSimulatedStore({ clock, random, weather });
  const { signal } = new AbortController();
  const handle = simulated.handle("controller");
  const { cache, store } = followStore({
    store: observer === undefined ? handle : observer.observed(handle),
    clock,
    random,
    logger: silentLogger,
    kinds: ["AzVolume", "AzVolumeAttachment", "AzDriverNode", "Lease", "ClusterNode"],
  });
  const following = cache.run(signal);
  await cloud.run(Promise.race([cache.untilSynced(signal), following]));
  return {
    simulated,
    following,
    parts: {
      store,
      cache,
      cloud: provisioner,
      users: createClusterNodeVolumeUsers({ store, cache }),
      clusterVolumes: noClusterVolumes,
      marks: undefined,
      clock,
      random,
      logger: silentLogger,
      steps: noSteps,
      loops: observer?.loops,
      events: { emit: () => undefined },
      leaseHighWaterMark: new LeaseHighWaterMark(),
      settings: {
        ...settings,
        heartbeatStaleMs: options.heartbeatStaleMs ?? HEARTBEAT_STALE_MS,
        heartbeatsPerSecond: options.heartbeatsPerSecond ?? settings.heartbeatsPerSecond,
      },
      attach: "kubernetes",
      clusterId: "bench",
      trustsUnnamedVms: true,
    },
  };
}

/** The value of an answer that is no failure. */
export function mustAnswer<T>(answer: Result<T> | undefined): T {
  if (answer === undefined) throw new Error("the driver does not serve this call");
  if (!answer.ok) throw new Error(describeFailure(answer.failure));
  return answer.value;
}
