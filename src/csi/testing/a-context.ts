import { noClusterVolumes } from "../../adapters/embedded/no-cluster-volumes.ts";
import { createSimulatedStore } from "../../adapters/simulated-store/simulated-store.ts";
import { createSeededRandom } from "../../adapters/virtual/seeded-random.ts";
import { createVirtualClock } from "../../adapters/virtual/virtual-clock.ts";
import { defaultDriverName } from "../../core/api/driver-name.ts";
import { invariant } from "../../core/failure/invariant.ts";
import { fail, ok } from "../../core/failure/result.ts";
import { anOrchestratorNode } from "../../core/testing/objects.ts";
import { createObjectCache } from "../../objects/cache/object-cache.ts";
import { silentLogger } from "../../ports/testing/silent-logger.ts";
import { OperationLock } from "../../runtime/operation-lock.ts";
import type { ControllerContext } from "../controller/controller-context.ts";
import { defaultControllerServiceLimits } from "./default-limits.ts";
import { createFakeSnapshots } from "./fake-snapshots.ts";
import { noSteps } from "./no-steps.ts";
import { aDiskUri } from "./objects.ts";

const unused = (): never => invariant(false, "these handlers do not call this") as never;

/** An orchestrator that knows of no use of any volume. */
export const unknownUsers: ControllerContext["users"] = {
  on: async () => ({ kind: "unknown" }),
  cachedOn: () => ({ kind: "unknown" }),
  isOutOfService: unused,
  isUnschedulable: unused,
  cachedNode: () => anOrchestratorNode(),
  cachedPods: () => [],
  cachedNodeNameOf: unused,
  cachedPlacement: unused,
  cachedClaimPods: () => [],
  cachedCompanions: unused,
  onChange: unused,
};

/** The ports of the controller service in cluster `cluster-1`, with neither disks nor VMs. */
export function aContext(
  given: Partial<ControllerContext> & Pick<ControllerContext, "store" | "cache" | "clock" | "random">,
): ControllerContext {
  return {
    gracePeriod: { trustedIncarnation: async () => ok(0) },
    cloud: { getDisk: async ({ diskUri }) => fail({ kind: "DiskNotFound", diskUri }) },
    listDisks: async () => ok([]),
    diskUriOf: ({ diskName }) => aDiskUri(diskName),
    inspectInstance: async ({ nodeName }) => fail({ kind: "InstanceNotFound", nodeName }),
    snapshots: createFakeSnapshots(),
    clusterId: "cluster-1",
    driverName: defaultDriverName,
    users: unknownUsers,
    clusterVolumes: noClusterVolumes,
    attach: "kubernetes",
    steps: noSteps,
    events: { emit: () => undefined },
    logger: silentLogger,
    locks: new OperationLock(),
    settings: { unpublish: "demote", heartbeatStaleMs: 35_000 },
    lostClusterIds: [],
    limits: defaultControllerServiceLimits,
    ...given,
  };
}

/** The same on a store without objects. */
export function anEmptyContext(given: Partial<ControllerContext>): ControllerContext {
  const clock = createVirtualClock();
  const random = createSeededRandom(1);
  const store = createSimulatedStore({ clock, random }).handle("controller");
  const kinds = ["AzVolume", "AzVolumeAttachment"] as const;
  const cache = createObjectCache({ store, clock, random, logger: silentLogger, kinds });
  return aContext({ store, cache, clock, random, ...given });
}
