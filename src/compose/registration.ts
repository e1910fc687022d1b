import { RegistrationService } from "../csi/gen/pluginregistration/v1/api.ts";
import { GrpcServer } from "../csi/grpc-server.ts";
import { registrationHandlers } from "../csi/registration/registration-handlers.ts";
import { listen } from "./grpc.ts";
import type { ProcessPorts } from "./run-role.ts";

/** Registers the plug-in with the kubelet, if a registry socket is given: no registrar sidecar is needed. */
export async function serveRegistration(
  plugin: { readonly socket: string | undefined; readonly driverName: string; readonly endpoint: string },
  process: ProcessPorts,
): Promise<GrpcServer | undefined> {
  if (plugin.socket === undefined) return undefined;
  const { clock, random, logger } = process;
  const server = new GrpcServer({ clock, random, logger, onCall: () => undefined }).add(
    RegistrationService,
    registrationHandlers({
      driverName: plugin.driverName,
      csiSocketPath: plugin.endpoint.replace(/^unix:\/\//u, ""),
      onOutcome: ({ registered, error }) => logger.info("kubelet answered the registration", { registered, error }),
    }),
  );
  await listen(server, `unix://${plugin.socket}`);
  return server;
}
