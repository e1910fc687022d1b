import { createPinoLogger } from "../../../src/adapters/observe/pino-logger.ts";
import { systemClock } from "../../../src/adapters/system/system-clock.ts";
import { systemRandom } from "../../../src/adapters/system/system-random.ts";
import { ControllerService, IdentityService, NodeService } from "../../../src/csi/gen/csi/v1/csi.ts";
import { identityHandlers } from "../../../src/csi/identity/identity-handlers.ts";
import { registerWithKubelet } from "../../../src/csi/registration/kubelet-registration.ts";
import { GrpcServer } from "../../../src/csi/server/grpc-server.ts";
import { vmNameOf } from "../../../testbed/lab/cluster/vm-place.ts";
import { azureOfV1 } from "./azure-of-v1.ts";
import { controllerOfV1 } from "./controller-of-v1.ts";
import { nodeOfV1 } from "./node-of-v1.ts";

// A stand-in for the V1 driver: it creates, attaches, mounts and registers like V1, and ignores our
// objects. `manifests-of-v1.ts` says how it is started.

const DRIVER = "disk.csi.azure.com";
const SOCKET = "/csi/csi.sock";

function setting(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set`);
  return value;
}

const logger = createPinoLogger({ level: "info", fields: { driver: "v1" } });
const ports = { clock: systemClock, random: systemRandom, logger };
const untilEnded = new Promise<void>((resolve) => {
  process.once("SIGTERM", () => resolve());
});

async function main(role: string | undefined): Promise<void> {
  const server = new GrpcServer({ ...ports, onCall: () => undefined }).add(
    IdentityService,
    identityHandlers({ driverName: DRIVER, version: "v1", isReady: () => true }),
  );
  await (role === "controller" ? controller(server) : node(server));
  await server.stop(AbortSignal.abort());
}

async function controller(server: GrpcServer): Promise<void> {
  const azure = azureOfV1({
    url: setting("AZURE_URL"),
    subscriptionId: setting("AZURE_SUBSCRIPTION"),
    resourceGroup: setting("AZURE_RESOURCE_GROUP"),
    location: setting("AZURE_LOCATION"),
  });
  await listen(server.add(ControllerService, controllerOfV1(azure)));
  await untilEnded;
}

async function node(server: GrpcServer): Promise<void> {
  const nodeName = setting("NODE_NAME");
  await listen(server.add(NodeService, nodeOfV1({ nodeName, zone: await zoneOfMachine(nodeName) })));
  const registration = await registerWithKubelet({
    driverName: DRIVER,
    nodeName,
    socketPath: setting("REGISTRATION_SOCKET"),
    csiSocketPath: setting("KUBELET_SOCKET"),
    ...ports,
    onRegistered: () => logger.info("registered"),
    onSocketTaken: () => undefined,
    events: { emit: ({ reason, message }) => logger.warn("event", { reason, note: message }) },
  });
  if (!registration.ok) throw new Error(JSON.stringify(registration.failure));
  await untilEnded;
  await registration.value.stop({ leavesSocket: false }, AbortSignal.abort());
}

async function listen(server: GrpcServer): Promise<void> {
  const listening = await server.listen(`unix://${SOCKET}`);
  if (!listening.ok) throw new Error(JSON.stringify(listening.failure));
}

/** `<region>-<zone>`, as in the instance metadata service. */
async function zoneOfMachine(nodeName: string): Promise<string> {
  const path = `/emulator/v1/imds/${vmNameOf(nodeName)}/metadata/instance/compute?api-version=2021-12-13`;
  const answer = await fetch(`${setting("AZURE_URL")}${path}`, { headers: { metadata: "true" } });
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  const { location, zone } = (await answer.json()) as { readonly location: string; readonly zone: string };
  return `${location}-${zone}`;
}

main(process.argv[2]).catch((error: unknown) => {
  logger.error("ended", { error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  process.exitCode = 1;
});
