import type { ApiClient } from "../../adapters/kubernetes/api/api-client.ts";
import { type CoreCaches, NODE_PLUGIN } from "../../adapters/kubernetes/core/core-sources.ts";
import { readLease } from "../../adapters/kubernetes/read-lease.ts";
import { watchOtherDrivers } from "../../controller/watch-other-drivers.ts";
import type { Events } from "../../ports/cluster/events.ts";
import { ControlLoop } from "../../runtime/queue/control-loop.ts";
import type { ProcessPorts } from "../roles/run-role.ts";

const ONLY_KEY = "cluster";
/** The namespace in which AKS's in-box driver and V1's own manifests have their Leases. */
const NAMESPACE_OF_V1 = "kube-system";

/**
 * The Lease of external-snapshotter for a driver. Every controller of V1 has that sidecar; this chart's
 * keeps its Lease in the namespace of the driver's objects.
 */
function snapshotterLease(driverName: string): string {
  return `external-snapshotter-leader-${driverName.replaceAll(/[^a-zA-Z0-9-]/gu, "-")}`;
}

/**
 * Looks for another Azure disk driver on Kubernetes until `run` is aborted. `daemonSets`:
 * namespace/name of each, with commas between them.
 */
export function followOtherDrivers(
  parts: {
    readonly client: ApiClient;
    readonly caches: Pick<CoreCaches, "pods">;
    readonly driverName: string;
    readonly daemonSets: string | undefined;
    readonly events: Events;
  },
  ports: ProcessPorts,
): { readonly why: () => string | undefined; readonly run: (signal: AbortSignal) => Promise<void> } {
  const { client, caches, driverName, daemonSets, events } = parts;
  const lease = { namespace: NAMESPACE_OF_V1, name: snapshotterLease(driverName) };
  const { why, reconciler } = watchOtherDrivers(
    {
      daemonSets: daemonSets?.split(","),
      nodePlugins: () =>
        caches.pods.byIndex("nodePlugin", NODE_PLUGIN).flatMap(({ nodePlugin }) => nodePlugin ?? []),
      leaseName: `${lease.namespace}/${lease.name}`,
      readLease: (signal) => readLease(client, lease, signal),
    },
    { ...ports, events },
  );
  const loop = new ControlLoop(reconciler, ports);
  loop.queue.add(ONLY_KEY);
  return { why, run: (signal) => loop.run(signal) };
}
