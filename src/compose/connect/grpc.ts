import { createCounter, createHistogram } from "../../adapters/observe/create-metric.ts";
import { grouped } from "../../cli/options.ts";
import { driverVersion } from "../../cli/version.ts";
import { describeFailure } from "../../core/failure/describe-failure.ts";
import { IdentityService } from "../../csi/gen/csi/v1/csi.ts";
import { identityHandlers } from "../../csi/identity/identity-handlers.ts";
import type { CallOutcome } from "../../csi/server/answer-call.ts";
import { GrpcServer } from "../../csi/server/grpc-server.ts";
import { endpointProblem } from "../../csi/server/parse-endpoint.ts";
import type { UnixSockets } from "../../csi/server/unix-sockets.ts";
import type { ObjectCache } from "../../objects/cache/object-cache.ts";
import type { ProcessPorts } from "../roles/run-role.ts";
import { driverNameOption } from "../settings/process-options.ts";

export const endpointOptions = grouped("CSI", {
  endpoint: {
    kind: "text",
    required: true,
    problem: endpointProblem,
    help: "Where CSI is served: unix:///path/csi.sock or tcp://host:port",
  },
  ...driverNameOption,
});

/**
 * A gRPC server that counts its calls and serves CSI's identity. Ready once the caches have synced.
 * `unixSockets`: instead of Node's own.
 */
export function createCsiServer(
  identity: { readonly driverName: string; readonly cache: ObjectCache },
  process: ProcessPorts,
  unixSockets?: UnixSockets,
): GrpcServer {
  const { clock, random, logger, registry } = process;
  const calls = createCounter(registry, "azuredisk_csi_calls_total");
  const duration = createHistogram(registry, "azuredisk_csi_call_duration_seconds");
  const onCall = ({ method, code, durationMs }: CallOutcome): void => {
    calls.inc({ method, code });
    duration.observe({ method }, durationMs / 1_000);
  };
  const handlers = identityHandlers({
    driverName: identity.driverName,
    version: driverVersion,
    isReady: () => identity.cache.hasSynced(),
  });
  return new GrpcServer({ clock, random, logger, onCall }, unixSockets).add(IdentityService, handlers);
}

/** Starts listening; throws with a sentence if the endpoint can't be used. */
export async function listen(server: GrpcServer, endpoint: string): Promise<string> {
  const listening = await server.listen(endpoint);
  if (!listening.ok) throw new Error(describeFailure(listening.failure));
  return listening.value;
}

/** The Unix sockets of a platform on which Node has none; undefined: Node's own serve. Loaded only there. */
export async function unixSocketsOf(platform: NodeJS.Platform): Promise<UnixSockets | undefined> {
  if (platform !== "win32") return undefined;
  const { createUnixSockets } = await import("../../adapters/unix-sockets/create-unix-sockets.ts");
  const { loadWinsock } = await import("../../adapters/unix-sockets/load-winsock.ts");
  return createUnixSockets(await loadWinsock());
}
