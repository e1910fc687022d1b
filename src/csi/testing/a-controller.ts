import { aDriverNode } from "../../controller/testing/a-driver-node.ts";
import type { AzVolume } from "../../core/api/az-volume.ts";
import type { Failure } from "../../core/failure/failure.ts";
import type { OrchestratorNode } from "../../core/schedule/orchestrator-node.ts";
import type { VolumePod } from "../../core/schedule/volume-pod.ts";
import type { VolumeUse } from "../../core/schedule/volume-use.ts";
import { must } from "../../core/testing/value-of.ts";
import { toObjectError } from "../../objects/object-error.ts";
import { type StoreWorld, withStore } from "../../objects/testing/with-store.ts";
import type { ControllerContext } from "../controller/controller-context.ts";
import { aContext, unknownUsers } from "./a-context.ts";
import { aDetail, aDiskUri } from "./objects.ts";

type VolumeStatus = NonNullable<AzVolume["status"]>;

/**
 * A controller service on a simulated store and a virtual clock. The test plays the reconcilers: it
 * makes their writes.
 */
export interface ControllerWorld extends StoreWorld {
  readonly context: ControllerContext;
  /**
   * Pods that use each volume, or wait for it, as a cache shows them; undefined: still being listed.
   * Default: none.
   */
  pods: readonly VolumePod[] | undefined;
  /** The orchestrator's answer about every volume's users. Default: `unknown`. */
  use: VolumeUse;
  /** The orchestrator's cached view of every node. Default: in service, without a resource id of its VM. */
  node: OrchestratorNode;
  /** Puts a node into the store whose plug-in has registered, and waits until the cache shows it. */
  givenNode(nodeName: string, status?: Parameters<typeof aDriverNode>[1]): Promise<void>;
  setStatus(name: string, change: (volume: AzVolume) => VolumeStatus): Promise<void>;
  /** Records that the disk of a volume exists. */
  diskCreated(name: string, sizeGiB?: number): Promise<void>;
  failed(name: string, state: VolumeStatus["state"], failure: Failure): Promise<void>;
  /** Removes a volume's finalizers: a deleted one is gone then. */
  removeFinalizers(name: string): Promise<void>;
}

/** Runs `act` in a world of its own. */
export function withController(act: (world: ControllerWorld) => Promise<void>): Promise<void> {
  return withStore(
    { client: "controller", kinds: ["AzVolume", "AzVolumeAttachment", "AzDriverNode"] },
    (stored) => act(aControllerWorld(stored)),
  );
}

function aControllerWorld(stored: StoreWorld): ControllerWorld {
  const { cache, clock, noting, random, store } = stored;
  const never = new AbortController().signal;
  const use = (): VolumeUse => world.use;
  const context = aContext({
    ...{ store, cache, clock, random },
    users: {
      ...unknownUsers,
      on: async () => use(),
      cachedOn: () => use(),
      cachedNode: () => world.node,
      cachedPods: () => world.pods,
    },
    ...noting,
  });
  const world: ControllerWorld = {
    ...stored,
    context,
    use: { kind: "unknown" },
    node: { isGone: false, isOutOfService: false, isUnschedulable: false, labels: {}, taints: [] },
    pods: [],
    givenNode: (nodeName, changes) => stored.given("AzDriverNode", aDriverNode(nodeName, changes)),
    setStatus: async (name, change) => {
      const volume = await must(store.get("AzVolume", name, never));
      await must(store.updateStatus("AzVolume", { ...volume, status: change(volume) }, never));
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
      const volume = await must(store.get("AzVolume", name, never));
      await must(
        store.update("AzVolume", { ...volume, metadata: { ...volume.metadata, finalizers: [] } }, never),
      );
    },
  };

  return world;
}
