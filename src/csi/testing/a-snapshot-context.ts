import { createSimulatedStore } from "../../adapters/simulated-store/simulated-store.ts";
import { createSeededRandom } from "../../adapters/virtual/seeded-random.ts";
import { createVirtualClock } from "../../adapters/virtual/virtual-clock.ts";
import { silentLogger } from "../../controller/testing/silent-logger.ts";
import { ok } from "../../core/failure/result.ts";
import { createObjectCache } from "../../objects/cache/object-cache.ts";
import { OperationLock } from "../../runtime/operation-lock.ts";
import { defaultControllerServiceLimits } from "../controller/controller-context.ts";
import type { createSnapshot } from "../controller/snapshots/create-snapshot.ts";
import { noSteps } from "./no-steps.ts";

type SnapshotContext = Parameters<typeof createSnapshot>[0];

/** The ports of CreateSnapshot in cluster `cluster-1`, on a store without objects. */
export function aSnapshotContext({
  locks = new OperationLock(),
  ...platform
}: Pick<SnapshotContext, "snapshots" | "cloud"> & { readonly locks?: OperationLock }): SnapshotContext & {
  readonly lostClusterIds: readonly string[];
} {
  const clock = createVirtualClock();
  const random = createSeededRandom(1);
  const store = createSimulatedStore({ clock, random }).handle("controller");
  const kinds = ["AzVolume", "AzVolumeAttachment"] as const;
  return {
    ...platform,
    clusterId: "cluster-1",
    lostClusterIds: [],
    gracePeriod: { trustedIncarnation: async () => ok(0) },
    locks,
    steps: noSteps,
    logger: silentLogger,
    events: { emit: () => undefined },
    store,
    cache: createObjectCache({ store, clock, random, logger: silentLogger, kinds }),
    clock,
    random,
    limits: defaultControllerServiceLimits,
  };
}
