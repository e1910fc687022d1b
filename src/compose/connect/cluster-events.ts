import type { ApiClient } from "../../adapters/kubernetes/api/api-client.ts";
import type { nodeSubjects } from "../../adapters/kubernetes/events/events-subjects.ts";
import { createKubernetesEvents } from "../../adapters/kubernetes/events/events.ts";
import { createLogEvents } from "../../adapters/observe/log-events.ts";
import type { DriverEvent, Events } from "../../ports/cluster/events.ts";
import type { ProcessPorts } from "../roles/run-role.ts";

/**
 * Events as Kubernetes shows them, and in the log; `run` writes them until its signal is aborted. `instance`:
 * the controller's pod or the node that emits them. `subjectsOf`: what they are shown on.
 */
export function clusterEvents(
  options: {
    readonly client: ApiClient;
    readonly driverName: string;
    readonly instance: string;
    readonly subjectsOf: ReturnType<typeof nodeSubjects>;
  },
  ports: Pick<ProcessPorts, "clock" | "random" | "logger">,
): { readonly events: Events; readonly run: (signal: AbortSignal) => Promise<void> } {
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
