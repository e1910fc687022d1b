import { hostname } from "node:os";
import { createGauge } from "../../adapters/observe/create-metric.ts";
import { createControllerCache } from "../../controller/controller-cache.ts";
import type { ControllerPorts } from "../../controller/controller-ports.ts";
import { createControllers } from "../../controller/controllers.ts";
import { leaderGuard } from "../../controller/leader-guard.ts";
import { StartupGracePeriod } from "../../controller/rollback/startup-grace-period.ts";
import type { VolumeSettings } from "../../core/attachment/observed-volume.ts";
import type { ControllerContext } from "../../csi/controller/controller-context.ts";
import { controllerHandlers } from "../../csi/controller/controller-handlers.ts";
import { ControllerService } from "../../csi/gen/csi/v1/csi.ts";
import type { GrpcServer } from "../../csi/server/grpc-server.ts";
import type { ObjectCache } from "../../objects/cache/object-cache.ts";
import type { CloudProvisioner } from "../../ports/cloud/cloud-provisioner.ts";
import type { ClusterVolumes } from "../../ports/cluster/cluster-volumes.ts";
import type { Events } from "../../ports/cluster/events.ts";
import type { VolumeUsers } from "../../ports/cluster/volume-users.ts";
import type { ObjectStore } from "../../ports/store/object-store.ts";
import { createElection } from "../../runtime/election/election.ts";
import type { LeaseHighWaterMark } from "../../runtime/election/lease-high-water-mark.ts";
import { OperationLock } from "../../runtime/operation-lock.ts";
import { electionSettingsOf, leaderElectionOptions } from "../settings/leader-election-options.ts";
import type { Options, Values } from "../settings/options.ts";
import { attachOption } from "../settings/process-options.ts";
import type { ProcessPorts } from "./run-role.ts";

/** Settings of the controller service itself. */
export const controllerServiceOptions = {
  "wait-max-ms": {
    kind: "number",
    default: 300_000,
    min: 100,
    max: 3_600_000,
    help: "How long a controller service call waits for its work if its caller sets no nearer deadline",
  },
  "grant-wait-ms": {
    kind: "number",
    default: 2_000,
    min: 10,
    max: 600_000,
    help: "How long ControllerPublishVolume waits for the grant before it says which node is in the way",
  },
  attach: attachOption,
  "trust-nodes-without-provider-id": {
    kind: "flag",
    help:
      "On Kubernetes, believe a node plug-in's report of its VM if its Node has no spec.providerID. " +
      "Without it such a node gets no volumes. With it, a VM that takes such a node's name may move the writer " +
      "records of the VM that had it: delete no Node while its VM may run",
  },
  ...leaderElectionOptions,
} as const satisfies Options;

/** The parts of the controller half of a process. */
export interface ControllerParts {
  readonly store: ObjectStore;
  /** A connection for the Lease: no call of `store` delays a call of it. */
  readonly leaseStore: ObjectStore;
  /** Follows `Lease` besides the driver's own kinds. */
  readonly cache: ObjectCache;
  readonly cloud: CloudProvisioner;
  /** Shared with the provisioner, which keeps in the Lease what it learns of Azure. */
  readonly leaseMemory: LeaseHighWaterMark;
  readonly users: VolumeUsers;
  readonly clusterVolumes: ClusterVolumes;
  readonly events: Events;
  readonly volumes: VolumeSettings;
  readonly clusterId: string;
  /**
   * Without tokens every client of the store is trusted: a node plug-in's report of its VM counts where
   * no orchestrator names the VM.
   */
  readonly trustsUnnamedVms: boolean;
  /** No other process can reach the store: it leads without waiting for another. */
  readonly isAlone: boolean;
}

/**
 * Adds CSI's controller service to a server, which serves at once. Returns a run that stands for
 * election and runs the reconcilers whenever it leads. Wait for that run at the end: it releases the
 * Lease last of all.
 */
export function addControllerService(
  server: Pick<GrpcServer, "add">,
  parts: ControllerParts,
  values: Values<typeof controllerServiceOptions>,
  process: ProcessPorts,
): (signal: AbortSignal) => Promise<void> {
  const { store, cache: followed, cloud, leaseMemory, users, clusterVolumes, events, volumes } = parts;
  const { clock, random, steps, logger, registry } = process;
  const trustsNodes = values["trust-nodes-without-provider-id"];
  if (trustsNodes && !parts.trustsUnnamedVms)
    logger.warn("nodes without spec.providerID report their VM: a VM of that name may move writer records", {
      setting: "--trust-nodes-without-provider-id",
      remedy: "give each Node its spec.providerID, and leave the setting out",
    });
  const cache = createControllerCache(followed, {
    users,
    trustsUnnamed: parts.trustsUnnamedVms || trustsNodes,
  });
  const gracePeriod = new StartupGracePeriod({
    store,
    cache: followed,
    users,
    clock,
    logger,
    leaseMemory,
    settings: volumes,
  });
  const shared = {
    store,
    cache,
    gracePeriod,
    cloud,
    users,
    clusterVolumes,
    events,
    clock,
    random,
    steps,
    logger,
  };
  const context: ControllerContext = {
    ...shared,
    attach: values.attach,
    locks: new OperationLock(),
    settings: {
      waitMaxMs: values["wait-max-ms"],
      grantWaitMs: values["grant-wait-ms"],
      unpublish: volumes.unpublish,
    },
  };
  server.add(ControllerService, controllerHandlers(context));
  const ports: ControllerPorts = {
    ...shared,
    attach: values.attach,
    clusterId: parts.clusterId,
    leaseMemory,
    settings: volumes,
  };
  const leads = createGauge(registry, "azuredisk_controller_is_leader");
  const unclaimed = createGauge(registry, "azuredisk_controller_unclaimed_disks");
  const election = createElection(
    { ...ports, store: parts.leaseStore },
    {
      identity: `${hostname()}_${random.uuid()}`,
      settings: electionSettingsOf(values),
      isAlone: parts.isAlone || values["leader-election"] === "none",
      onChange: (isLeading) => {
        leads.set(isLeading ? 1 : 0);
        unclaimed.set(0);
      },
    },
  );
  const reconcile = createControllers(leaderGuard(ports, election.isLeading), {
    unclaimedDisks: (count) => unclaimed.set(count),
  });
  return (signal) => election.run(reconcile, signal);
}
