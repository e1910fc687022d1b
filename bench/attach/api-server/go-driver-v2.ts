import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { connectCsi } from "../../../demo/lab/csi-clients.ts";
import { startProgram, untilPresent } from "../../child.ts";
import { LOCATION, RESOURCE_GROUP, SUBSCRIPTION_ID } from "../place.ts";
import { callsOf, type EmulatorProcess } from "../wire/shipped-controller.ts";
import { type Cluster, type Definitions, NAMESPACE } from "./cluster.ts";
import type { ControllerInCluster } from "./controller-in-cluster.ts";

/** V2's own resource definitions, which have our names. */
export function definitionsOfV2(checkout: string): Definitions {
  return { folder: join(checkout, "pkg", "apis", "config"), version: "v1beta2" };
}

/**
 * Starts the driver V2 in Go with its defaults on the cluster, signed in to Azure with a client secret.
 * `checkout`: the branch `main_v2` of azuredisk-csi-driver with the build `azurediskpluginv2` in it.
 */
export async function startGoDriverV2(
  checkout: string,
  folder: string,
  { emulator, cluster }: { readonly emulator: EmulatorProcess; readonly cluster: Cluster },
): Promise<ControllerInCluster> {
  for (const node of emulator.vmIds.keys()) await registerNode(cluster, node);
  const cloudConfig = join(folder, "azure-v2.json");
  const socket = join(folder, "v2.sock");
  await writeFile(
    cloudConfig,
    JSON.stringify({
      tenantId: "bench",
      subscriptionId: SUBSCRIPTION_ID,
      resourceGroup: RESOURCE_GROUP,
      location: LOCATION,
      vmType: "standard",
      useInstanceMetadata: false,
      aadClientId: "bench",
      aadClientSecret: "bench",
      resourceManagerEndpoint: emulator.url,
    }),
  );
  const child = startProgram(
    join(checkout, "azurediskpluginv2"),
    [
      `--endpoint=unix://${socket}`,
      `--kubeconfig=${cluster.kubeconfigFile}`,
      "--is-controller-plugin=true",
      `--driver-object-namespace=${NAMESPACE}`,
      "--vm-type=standard",
      "--support-zone=false",
      "--metrics-address=127.0.0.1:0",
    ],
    { AZURE_CREDENTIAL_FILE: cloudConfig, SSL_CERT_FILE: emulator.caFile },
    "ignore",
  );
  try {
    await untilPresent(socket, child);
  } catch (error) {
    await child.stop();
    throw error;
  }
  const clients = connectCsi(socket, new AbortController().signal);
  let repeats = 0;
  return {
    pid: child.pid,
    // external-attacher repeats a call after any error.
    ...callsOf(clients, () => {
      repeats++;
      return true;
    }),
    repeats: () => repeats,
    stop: async () => {
      clients.close();
      await child.stop();
    },
  };
}

/** As its node plug-in does. It reads no heartbeats while the Node exists. */
async function registerNode(cluster: Cluster, name: string): Promise<void> {
  const node = await cluster.create(cluster.driverPath("azdrivernodes"), {
    apiVersion: "disk.csi.azure.com/v1beta2",
    kind: "AzDriverNode",
    metadata: { name, namespace: NAMESPACE },
    spec: { nodeName: name },
  });
  await cluster.putStatus(`${cluster.driverPath("azdrivernodes")}/${name}`, {
    ...node,
    status: {
      readyForVolumeAllocation: true,
      statusMessage: "Driver node healthy.",
      lastHeartbeatTime: new Date().toISOString(),
    },
  });
}
