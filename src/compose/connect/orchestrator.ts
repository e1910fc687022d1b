import { hostname } from "node:os";
import { createClusterNodeVolumeUsers } from "../../adapters/embedded/cluster-node-volume-users.ts";
import { noClusterVolumes } from "../../adapters/embedded/no-cluster-volumes.ts";
import { createLogEvents } from "../../adapters/observe/log-events.ts";
import type { ObjectCache } from "../../objects/cache/object-cache.ts";
import type { ClusterVolumes } from "../../ports/cluster/cluster-volumes.ts";
import type { Events } from "../../ports/cluster/events.ts";
import type { NodeMarks } from "../../ports/cluster/node-marks.ts";
import type { VolumeUsers } from "../../ports/cluster/volume-users.ts";
import type { ObjectStore } from "../../ports/store/object-store.ts";
import type { ProcessPorts } from "../roles/run-role.ts";
import type { AllCaches } from "./all-caches.ts";
import type { StoreConnection } from "./connect-store.ts";

/**
 * What the orchestrator knows of volumes and nodes, and where events go: Kubernetes, or the objects of
 * the embedded store. `run` keeps its caches up to date and writes events.
 */
interface Orchestrator extends AllCaches {
  readonly users: VolumeUsers;
  readonly clusterVolumes: ClusterVolumes;
  /** Undefined: its nodes can't be marked. */
  readonly marks: NodeMarks | undefined;
  readonly events: Events;
  /** Why another Azure disk driver runs in the cluster; undefined if none is seen. */
  readonly otherDriver: () => string | undefined;
}

/** Without Kubernetes: an orchestrator writes what it knows into ClusterNodes, and events go to the log. */
export function embeddedOrchestrator(
  parts: { readonly store: ObjectStore; readonly cache: ObjectCache },
  { logger }: Pick<ProcessPorts, "logger">,
): Orchestrator {
  return {
    users: createClusterNodeVolumeUsers(parts),
    clusterVolumes: noClusterVolumes,
    marks: undefined,
    events: createLogEvents(logger),
    otherDriver: () => undefined,
    whyNotSynced: () => undefined,
    untilSynced: () => Promise.resolve(),
    run: () => Promise.resolve(),
  };
}

/** Kubernetes. Its modules are loaded only here. */
export async function kubernetesOrchestrator(
  parts: {
    readonly client: NonNullable<StoreConnection["apiClient"]>;
    readonly cache: ObjectCache;
    readonly driverName: string;
    readonly namespace: string;
    readonly nodeDaemonSet: string | undefined;
  },
  ports: ProcessPorts,
): Promise<Orchestrator> {
  const { client, cache, driverName, namespace, nodeDaemonSet } = parts;
  const [
    { createNodeMarks },
    { controllerSubjects },
    { followCluster },
    { clusterEvents },
    { followOtherDrivers },
  ] = await Promise.all([
    import("../../adapters/kubernetes/node-marks.ts"),
    import("../../adapters/kubernetes/events/events-subjects.ts"),
    import("./cluster-facts.ts"),
    import("./cluster-events.ts"),
    import("./other-drivers.ts"),
  ]);
  const { caches, ...facts } = followCluster(client, driverName, ports);
  const instance = process.env["POD_NAME"] ?? hostname();
  const subjectsOf = controllerSubjects({ objects: cache, caches, namespace });
  const eventSink = clusterEvents({ client, driverName, instance, subjectsOf }, ports);
  const others = followOtherDrivers(
    { client, caches, driverName, daemonSets: nodeDaemonSet, events: eventSink.events },
    ports,
  );
  return {
    ...facts,
    marks: createNodeMarks(client),
    events: eventSink.events,
    otherDriver: others.why,
    run: async (signal) => {
      await Promise.all([facts.run(signal), eventSink.run(signal), others.run(signal)]);
    },
  };
}
