import { hostname } from "node:os";
import { createGauge } from "../../adapters/observe/create-metric.ts";
import { registerStateMetrics } from "../../adapters/observe/metrics.ts";
import { grouped, type Values } from "../../cli/options.ts";
import type { ControllerParts } from "../../controller/create-controller-ports.ts";
import { ControllerService } from "../../csi/gen/csi/v1/csi.ts";
import type { GrpcServer } from "../../csi/server/grpc-server.ts";
import type { SnapshotProvisioner } from "../../ports/cloud/snapshot-provisioner.ts";
import type { ObjectStore } from "../../ports/store/object-store.ts";
import { assembleController } from "../assemble-controller.ts";
import { electionSettingsOf, leaderElectionOptions } from "../settings/leader-election-options.ts";
import { attachOption } from "../settings/process-options.ts";
import type { ProcessPorts } from "./run-role.ts";

export const controllerServiceOptions = grouped("Controller service", {
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
  "lost-cluster-id": {
    kind: "list",
    default: [],
    help:
      "Ids of clusters that are gone for good, as their snapshots' tag has them: DeleteSnapshot deletes " +
      "those as this cluster's own. Name no cluster that may still need its snapshots",
  },
  "trust-nodes-without-provider-id": {
    kind: "flag",
    help:
      "On Kubernetes, believe a node plug-in's report of its VM if its Node has no spec.providerID. " +
      "Without it such a node gets no volumes. With it, a VM that takes such a node's name may move the " +
      "writer " +
      "records of the VM that had it: delete no Node while its VM may run",
  },
  ...leaderElectionOptions,
});

/** The parts of the controller half of a process, besides its settings. */
interface ControllerServiceParts extends Omit<
  ControllerParts,
  "clock" | "random" | "steps" | "loops" | "logger" | "attach"
> {
  readonly snapshots: SnapshotProvisioner;
  readonly driverName: string;
  /** A connection for the Lease: no call of `store` delays a call of it. */
  readonly leaseStore: ObjectStore;
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
  { snapshots, driverName, leaseStore, isAlone, trustsUnnamedVms, ...parts }: ControllerServiceParts,
  values: Values<typeof controllerServiceOptions>,
  { clock, random, steps, loops, logger, registry }: ProcessPorts,
): (signal: AbortSignal) => Promise<void> {
  const trustsNodes = values.trustNodesWithoutProviderId;
  if (trustsNodes && !trustsUnnamedVms)
    logger.warn("nodes without spec.providerID report their VM: a VM of that name may move writer records", {
      setting: "--trust-nodes-without-provider-id",
      remedy: "give each Node its spec.providerID, and leave the setting out",
    });
  const leads = createGauge(registry, "azuredisk_controller_is_leader");
  const unclaimed = createGauge(registry, "azuredisk_controller_unclaimed_disks");
  const { handlers, run, countedObjects } = assembleController({
    parts: {
      ...parts,
      clock,
      random,
      steps,
      loops,
      logger,
      attach: values.attach,
      trustsUnnamedVms: trustsUnnamedVms || trustsNodes,
    },
    snapshots,
    driverName,
    leaseStore,
    lostClusterIds: values.lostClusterId,
    limits: values,
    election: {
      identity: `${hostname()}_${random.uuid()}`,
      settings: electionSettingsOf(values),
      isAlone: isAlone || values.leaderElection === "none",
      onChange: (isLeading) => {
        leads.set(isLeading ? 1 : 0);
        unclaimed.set(0);
      },
    },
    recordUnclaimed: (count) => unclaimed.set(count),
  });
  registerStateMetrics(registry, countedObjects);
  server.add(ControllerService, handlers);
  return run;
}
