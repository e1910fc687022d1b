import type { ApiClient } from "../../adapters/kubernetes/api/api-client.ts";
import {
  controllerSubjects,
  nodeSubjects,
  type OwnObjects,
  type ControllerObjects,
  type SubjectCaches,
} from "../../adapters/kubernetes/events/events-subjects.ts";
import { createKubernetesEvents } from "../../adapters/kubernetes/events/events.ts";
import { createLogEvents } from "../../adapters/observe/log-events.ts";
import type { DriverEvent, Events } from "../../ports/cluster/events.ts";
import type { ProcessPorts } from "../roles/run-role.ts";

type EventPorts = Pick<ProcessPorts, "clock" | "random" | "logger">;

interface ClusterEventsOptions {
  readonly client: ApiClient;
  readonly driverName: string;
  /** Of the driver's own objects. */
  readonly namespace: string;
}

/** Events as Kubernetes shows them, and in the log; `run` writes them until its signal is aborted. */
interface ClusterEvents {
  readonly events: Events;
  readonly run: (signal: AbortSignal) => Promise<void>;
}

/** A controller's: on volumes, claims, pods, nodes and the Lease. `podName`: the pod that emits them. */
export function controllerEvents(
  options: ClusterEventsOptions & {
    readonly objects: ControllerObjects;
    readonly caches: SubjectCaches;
    readonly podName: string;
  },
  ports: EventPorts,
): ClusterEvents {
  return clusterEvents(
    { ...options, instance: options.podName, subjectsOf: controllerSubjects(options) },
    ports,
  );
}

/** A node plug-in's: on volumes and its own Node. */
export function nodeEvents(
  options: ClusterEventsOptions & { readonly objects: OwnObjects; readonly nodeName: string },
  ports: EventPorts,
): ClusterEvents {
  return clusterEvents({ ...options, instance: options.nodeName, subjectsOf: nodeSubjects(options) }, ports);
}

function clusterEvents(
  options: ClusterEventsOptions & {
    readonly instance: string;
    readonly subjectsOf: ReturnType<typeof nodeSubjects>;
  },
  ports: EventPorts,
): ClusterEvents {
  const { client, driverName, instance, subjectsOf } = options;
  const shown = createKubernetesEvents({
    ...ports,
    client,
    subjectsOf,
    reportingComponent: driverName,
    reportingInstance: instance,
  });
  const logged = createLogEvents(ports.logger);
  const emit = (event: DriverEvent): void => {
    logged.emit(event);
    shown.emit(event);
  };
  return { events: { emit }, run: (signal) => shown.run(signal) };
}
