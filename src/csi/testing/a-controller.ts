import {
  createSimulatedStore,
  type SimulatedHandle,
} from "../../adapters/simulated-store/simulated-store.ts";
import { createSeededRandom } from "../../adapters/virtual/seeded-random.ts";
import { createVirtualClock, type VirtualClock } from "../../adapters/virtual/virtual-clock.ts";
import { aDriverNode } from "../../controller/testing/a-driver-node.ts";
import { LIMIT_MS, must, settledOn } from "../../controller/testing/settled.ts";
import { silentLogger } from "../../controller/testing/silent-logger.ts";
import type { AzVolume } from "../../core/api/az-volume.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { invariant } from "../../core/failure/invariant.ts";
import type { OrchestratorNode } from "../../core/schedule/orchestrator-node.ts";
import type { VolumePod } from "../../core/schedule/volume-pod.ts";
import type { VolumeUse } from "../../core/schedule/volume-use.ts";
import { createObjectCache } from "../../objects/cache/object-cache.ts";
import { attachmentLabels } from "../../objects/new-attachment.ts";
import { toObjectError } from "../../objects/object-error.ts";
import type { DriverEvent } from "../../ports/cluster/events.ts";
import type { StepName } from "../../ports/steps.ts";
import type { KindMap, NewObject } from "../../ports/store/object-store.ts";
import type { ControllerContext } from "../controller/controller-context.ts";
import { aContext, unknownUsers } from "./a-context.ts";
import { aDetail, aDiskUri } from "./objects.ts";

type VolumeStatus = NonNullable<AzVolume["status"]>;

/**
 * A controller service on a simulated store and a virtual clock. The test plays the reconcilers: it
 * makes their writes.
 */
export interface ControllerWorld {
  readonly context: ControllerContext;
  readonly clock: VirtualClock;
  readonly store: SimulatedHandle;
  /**
   * Pods that use each volume, or wait for it, as a cache shows them; undefined: still being listed.
   * Default: none.
   */
  pods: readonly VolumePod[] | undefined;
  /** The orchestrator's answer about every volume's users. Default: `unknown`. */
  use: VolumeUse;
  /** The orchestrator's cached view of every node. Default: in service, without a resource id of its VM. */
  node: OrchestratorNode;
  /** The steps that were taken, in order. */
  readonly steps: readonly StepName[];
  /** The events that were emitted, in order. */
  readonly emitted: readonly DriverEvent[];
  /** Advances time until the promise has resolved or rejected. */
  answerOf<T>(promise: Promise<T>): Promise<T>;
  /** Advances time until the store's objects satisfy `isReached`. */
  until(isReached: () => boolean): Promise<void>;
  /** The volume of that name as the store has it. */
  volume(name: string): AzVolume | undefined;
  /** Puts an object into the store, with its status, and waits until the cache shows it. */
  given<K extends "AzVolume" | "AzVolumeAttachment">(
    kind: K,
    object: Pick<KindMap[K], "spec"> & {
      readonly metadata: { readonly name: string };
      readonly status?: KindMap[K]["status"];
    },
  ): Promise<void>;
  /** Puts a node into the store whose plug-in has registered, and waits until the cache shows it. */
  givenNode(nodeName: string, status?: Parameters<typeof aDriverNode>[1]): Promise<void>;
  /** Changes a volume's status, as a reconciler does. */
  setStatus(name: string, change: (volume: AzVolume) => VolumeStatus): Promise<void>;
  /** Records that the disk of a volume exists. */
  diskCreated(name: string, sizeGiB?: number): Promise<void>;
  /** Puts a volume into a state of failure. */
  failed(name: string, state: VolumeStatus["state"], failure: Failure): Promise<void>;
  /** Removes a volume's finalizers: a deleted one is gone then. */
  removeFinalizers(name: string): Promise<void>;
}

/** Runs `act` in a world of its own. */
export async function withController(act: (world: ControllerWorld) => Promise<void>): Promise<void> {
  const clock = createVirtualClock();
  const random = createSeededRandom(1);
  const simulated = createSimulatedStore({ clock, random });
  const store = simulated.handle("controller");
  const cache = createObjectCache({
    store,
    clock,
    random,
    logger: silentLogger,
    kinds: ["AzVolume", "AzVolumeAttachment", "AzDriverNode"],
  });
  const life = new AbortController();
  const { signal } = life;
  const steps: StepName[] = [];
  const use = (): VolumeUse => world.use;
  const emitted: DriverEvent[] = [];
  const context = aContext({
    ...{ store, cache, clock, random },
    users: {
      ...unknownUsers,
      on: async () => use(),
      cachedOn: () => use(),
      cachedNode: () => world.node,
      cachedPods: () => world.pods,
    },
    steps: {
      run: (step, action) => {
        steps.push(step);
        return action();
      },
    },
    events: { emit: (event) => emitted.push(event) },
  });

  const answerOf = <T>(promise: Promise<T>): Promise<T> => settledOn(clock, promise);

  const put = async <K extends "AzVolume" | "AzVolumeAttachment" | "AzDriverNode">(
    kind: K,
    object: NewObject<K>,
    status: KindMap[K]["status"],
  ): Promise<void> => {
    const created = await must(store.create(kind, object, signal));
    const { metadata } =
      status === undefined ? created : await must(store.updateStatus(kind, { ...created, status }, signal));
    await world.until(
      () => cache.get(kind, metadata.name)?.metadata.resourceVersion === metadata.resourceVersion,
    );
  };

  const world: ControllerWorld = {
    context,
    clock,
    store,
    use: { kind: "unknown" },
    node: { isGone: false, isOutOfService: false, isUnschedulable: false, labels: {}, taints: [] },
    pods: [],
    steps,
    emitted,
    answerOf,
    until: async (isReached) =>
      invariant(await clock.runUntil(isReached, LIMIT_MS), "not reached within an hour"),
    volume: (name) => simulated.objects("AzVolume").find(({ metadata }) => metadata.name === name),
    given: async (kind, { metadata: { name }, spec, status }) => {
      const metadata = {
        name,
        finalizers: ["disk.csi.azure.com/test"],
        labels: "volumeId" in spec ? attachmentLabels(spec) : {},
      };
      await put(kind, { metadata, spec } as unknown as NewObject<typeof kind>, status);
    },
    givenNode: async (nodeName, changes = {}) => {
      const { spec, status } = aDriverNode(nodeName, changes);
      await put("AzDriverNode", { metadata: { name: nodeName }, spec }, status);
    },
    setStatus: async (name, change) => {
      const volume = await must(store.get("AzVolume", name, signal));
      await must(store.updateStatus("AzVolume", { ...volume, status: change(volume) }, signal));
    },
    diskCreated: (name, sizeGiB = 10) =>
      world.setStatus(name, (volume) => ({
        state: "Created",
        observedGeneration: volume.metadata.generation,
        conditions: [],
        detail: aDetail({ diskUri: aDiskUri(name), sizeGiB, maxShares: volume.spec.disk.maxShares }),
      })),
    failed: (name, state, failure) =>
      world.setStatus(name, ({ metadata, spec, status }) => ({
        ...(status ?? { conditions: [] }),
        state,
        observedGeneration: metadata.generation,
        error: toObjectError(failure, { nowMs: clock.nowMs(), retries: 1 }),
        ...(state === "UpdateFailed" && status?.detail !== undefined
          ? { refusedGrowth: { sizeGiB: spec.disk.sizeGiB, skuName: status.detail.skuName } }
          : {}),
      })),
    removeFinalizers: async (name) => {
      const volume = await must(store.get("AzVolume", name, signal));
      await must(
        store.update("AzVolume", { ...volume, metadata: { ...volume.metadata, finalizers: [] } }, signal),
      );
    },
  };

  const running = cache.run(signal);
  try {
    await answerOf(cache.untilSynced(signal));
    await act(world);
  } finally {
    life.abort();
    await answerOf(running).catch((error: unknown) => invariant(signal.aborted, String(error)));
  }
}
