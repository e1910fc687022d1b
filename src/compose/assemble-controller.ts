import type { ControllerPorts } from "../controller/controller-ports.ts";
import { createControllers } from "../controller/controllers.ts";
import { type ControllerParts, createControllerPorts } from "../controller/create-controller-ports.ts";
import { labelFirst } from "../controller/label-first.ts";
import { leaderGuard } from "../controller/leader-guard.ts";
import { hasFallenSilent } from "../controller/writer/mark-silent.ts";
import { heartbeatDelayMs } from "../core/election/heartbeat-delay.ts";
import type { CountedObjects } from "../core/states/count-states.ts";
import type { ControllerServiceLimits } from "../csi/controller/controller-context.ts";
import { controllerHandlers } from "../csi/controller/controller-handlers.ts";
import type { SnapshotProvisioner } from "../ports/cloud/snapshot-provisioner.ts";
import type { Kind, ObjectStore } from "../ports/store/object-store.ts";
import { createElection, type ElectionOptions } from "../runtime/election/election.ts";
import { OperationLock } from "../runtime/operation-lock.ts";

/** The kinds of the object store that a controller follows; without Kubernetes, ClusterNode besides. */
export const CONTROLLER_KINDS: readonly Kind[] = ["AzVolume", "AzVolumeAttachment", "AzDriverNode", "Lease"];

/** The ports and settings of a controller process. There are no defaults: every caller states each. */
interface ControllerOptions {
  readonly parts: ControllerParts;
  readonly snapshots: SnapshotProvisioner;
  readonly driverName: string;
  /** A connection for the Lease: no call of `parts.store` delays a call of it. */
  readonly leaseStore: ObjectStore;
  /** See `ControllerContext`. */
  readonly lostClusterIds: readonly string[];
  readonly limits: ControllerServiceLimits;
  readonly election: ElectionOptions;
  /** Receives the number of this cluster's disks that no PersistentVolume names, after each recovery. */
  readonly recordUnclaimed: (count: number) => void;
}

/** A controller whose cache, cloud and orchestrator its caller runs. */
export interface AssembledController {
  readonly handlers: ReturnType<typeof controllerHandlers>;
  readonly isLeading: () => boolean;
  /** What its cache has; undefined while it does not lead: the leader counts. */
  readonly countedObjects: () => CountedObjects | undefined;
  /**
   * Stands for election until `signal` is aborted, and runs the reconcilers while it leads. Releases the
   * Lease last of all. Called once, when the caches have synced.
   */
  readonly run: (signal: AbortSignal) => Promise<void>;
}

/** Wires CSI's controller service, the election and the reconcilers. Starts nothing. */
export function assembleController(options: ControllerOptions): AssembledController {
  const { parts, snapshots, driverName, leaseStore, lostClusterIds, limits, recordUnclaimed } = options;
  const ports = createControllerPorts(parts);
  const { cache, settings } = ports;
  const delayMs = (): number =>
    heartbeatDelayMs(cache.list("AzDriverNode").length, settings.heartbeatsPerSecond);
  const election = createElection(
    { ...ports, store: leaseStore, heartbeatDelayMs: delayMs },
    options.election,
  );
  const labelling = <P extends Pick<ControllerPorts, "store" | "steps">>(given: P): P => ({
    ...given,
    store: labelFirst(given.store, given.steps),
  });
  // Outermost: of the two writes, each asks whether this process still leads.
  const reconcile = createControllers(labelling(leaderGuard(ports, election.isLeading)), recordUnclaimed);
  const { diskUriOf, inspectInstance, listDisks } = ports.cloud;
  const handlers = controllerHandlers({
    ...labelling(ports),
    diskUriOf,
    listDisks,
    inspectInstance,
    snapshots,
    driverName,
    lostClusterIds,
    limits,
    locks: new OperationLock(),
  });
  const counted: CountedObjects = {
    volumes: () => cache.list("AzVolume"),
    attachments: () => cache.list("AzVolumeAttachment"),
    nodes: () => cache.reportedNodes(),
    ignoredNodes: () => cache.ignoredDriverNodes(),
    isSilent: (node) => hasFallenSilent(ports, node),
  };
  return {
    handlers,
    isLeading: election.isLeading,
    countedObjects: () => (election.isLeading() ? counted : undefined),
    run: (signal) => election.run(reconcile, signal),
  };
}
