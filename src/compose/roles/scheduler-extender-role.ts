import { connectApiServer } from "../../adapters/kubernetes/api/connect-api-server.ts";
import { healthListener } from "../../adapters/observe/health-server.ts";
import { createExtenderMetrics } from "../../adapters/observe/metrics.ts";
import { grouped } from "../../cli/options.ts";
import { driverVersion } from "../../cli/version.ts";
import { invariant } from "../../core/failure/invariant.ts";
import { listenAddressProblem, parseListenAddress } from "../../core/primitives/listen-address.ts";
import { createExtender } from "../../scheduler-extender/extender.ts";
import { createPlacementIndex } from "../../scheduler-extender/placement-index.ts";
import { serveExtender } from "../../scheduler-extender/serve-extender.ts";
import { allCaches, whyStale } from "../connect/all-caches.ts";
import { apiServerConfig, kubernetesOptions } from "../connect/connect-store.ts";
import { createExtenderCaches } from "../connect/extender-caches.ts";
import { driverNameOption, processOptions } from "../settings/process-options.ts";
import { volumeOptions } from "../settings/volume-options.ts";
import { asSet, wrongSettings } from "../settings/wrong-setting.ts";
import { untilAborted, untilEnded } from "../until-aborted.ts";
import type { Role } from "./run-role.ts";

const options = {
  ...grouped("Serving", {
    "extender-endpoint": {
      kind: "text",
      default: "127.0.0.1:8889",
      problem: listenAddressProblem,
      help:
        "host:port that serves kube-scheduler, /healthz, /readyz and /metrics; :port for all addresses, " +
        "[address]:port for IPv6; port 0 takes a free one",
    },
  }),
  ...kubernetesOptions,
  ...driverNameOption,
  "heartbeat-stale-ms": volumeOptions["heartbeat-stale-ms"],
  ...processOptions,
} as const;

/**
 * Reports to kube-scheduler which nodes can take a pod's volumes and which have them already. It only
 * reads, so all of its pods serve. Never loads Azure's SDK or gRPC. Answers neutrally until its
 * caches are ready, and while one of them is old.
 */
export const schedulerExtenderRole: Role<typeof options> = {
  name: "scheduler-extender",
  usage:
    "azuredisk-csi-driver scheduler-extender [--kubeconfig <file>]\n\n" +
    "Reports to kube-scheduler which nodes can take a pod's volumes and which have them already.",
  options,
  problems: (values) => wrongSettings(() => apiServerConfig(values)),
  start: async (values, { clock, random, logger, registry, lifetime }) => {
    const startedMs = clock.elapsedMs();
    const address = parseListenAddress(values.extenderEndpoint);
    invariant(address !== undefined, "--extender-endpoint has been checked");
    const client = connectApiServer({
      config: await apiServerConfig(values),
      userAgent: `azuredisk-csi-driver/${driverVersion} (scheduler-extender)`,
      clock,
      random,
    });
    const caches = createExtenderCaches(
      client,
      { namespace: values.namespace, driverName: values.driverName },
      { clock, random, logger },
    );
    const { whyNotSynced, untilSynced, run } = allCaches(caches);
    const whyNotReady = (): string | undefined => whyNotSynced() ?? whyStale(caches, clock.elapsedMs());
    const index = createPlacementIndex({ caches, heartbeatStaleMs: values.heartbeatStaleMs, clock });
    const server = await asSet("extender-endpoint", values.extenderEndpoint, () =>
      serveExtender({
        address,
        answer: createExtender({ index, whyNotReady, logger }),
        otherwise: healthListener({ registry, whyNotReady }),
        onServed: createExtenderMetrics(registry),
        clock,
        logger,
      }),
    );
    const work = untilEnded(lifetime, run, async (signal) => {
      await untilAborted(signal);
      await server.drain(signal);
    });
    await untilSynced(lifetime);
    logger.info("everything is listed", { durationMs: Math.round(clock.elapsedMs() - startedMs) });
    return {
      serves: { endpoint: server.address },
      whyNotReady,
      work,
      drain: (signal) => server.drain(signal),
      close: async () => client.close(),
    };
  },
};
