import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { connectCsi } from "../../../demo/lab/csi-clients.ts";
import { startProgram, untilPresent } from "../../child.ts";
import { LOCATION, RESOURCE_GROUP, SUBSCRIPTION_ID } from "../place.ts";
import { callsOf, type ControllerCalls, type EmulatorProcess } from "./shipped-controller.ts";

/** The driver V1's controller in its own process, without Kubernetes. */
export interface GoDriver extends ControllerCalls {
  readonly pid: number;
  readonly stop: () => Promise<void>;
}

/**
 * Starts a build of kubernetes-sigs/azuredisk-csi-driver (`go build ./pkg/azurediskplugin`) on the emulator,
 * signed in by its managed identity. V1 keeps no state of its own, so it needs no store.
 */
export async function startGoDriver(
  program: string,
  folder: string,
  emulator: EmulatorProcess,
): Promise<GoDriver> {
  const cloudConfig = join(folder, "azure-v1.json");
  const socket = join(folder, "v1.sock");
  await writeFile(
    cloudConfig,
    JSON.stringify({
      tenantId: "bench",
      subscriptionId: SUBSCRIPTION_ID,
      resourceGroup: RESOURCE_GROUP,
      location: LOCATION,
      vmType: "standard",
      useInstanceMetadata: false,
      useManagedIdentityExtension: true,
      resourceManagerEndpoint: emulator.url,
    }),
  );
  const child = startProgram(
    program,
    [
      `--endpoint=unix://${socket}`,
      "--kubeconfig=no-need-kubeconfig",
      "--cloud-config-secret-name=",
      "--vm-type=standard",
      "--support-zone=false",
      "--metrics-address=127.0.0.1:0",
    ],
    {
      AZURE_CREDENTIAL_FILE: cloudConfig,
      SSL_CERT_FILE: emulator.caFile,
      IDENTITY_ENDPOINT: `${emulator.url}/msi/token`,
      IDENTITY_HEADER: "bench",
    },
    "ignore",
  );
  try {
    await untilPresent(socket, child);
  } catch (error) {
    await child.stop();
    throw error;
  }
  const clients = connectCsi(socket, new AbortController().signal);
  return {
    pid: child.pid,
    ...callsOf(clients),
    stop: async () => {
      clients.close();
      await child.stop();
    },
  };
}
