import { join } from "node:path";
import { connectEmbeddedStore } from "../../src/adapters/embedded/connect-embedded-store.ts";
import { createKubernetesObjectStore } from "../../src/adapters/kubernetes/kubernetes-object-store.ts";
import { systemClock } from "../../src/adapters/system/system-clock.ts";
import { systemRandom } from "../../src/adapters/system/system-random.ts";
import { startEmulator } from "../../src/emulator/index.ts";
import type { ObjectStore } from "../../src/ports/store/object-store.ts";
import { startApiServer, whyNoApiServer } from "../../test/kubernetes-store/api-server.ts";
import { startChild, untilPresent } from "../child.ts";

const VM_RESOURCE_ID = "/subscriptions/0/resourceGroups/bench/providers/Microsoft.Compute/virtualMachines/a";

/** An object store for a node role, with the flags that name it. */
export interface BenchStore {
  readonly store: ObjectStore;
  readonly flags: readonly string[];
  close(): Promise<void>;
}

const NAMESPACE = "azure-disk-csi";
const SUBSCRIPTION_ID = "00000000-0000-0000-0000-000000000001";
const never = new AbortController().signal;

/** The embedded store in a process of its own. Flags give the node's identity. */
export async function embeddedStore(program: string, folder: string): Promise<BenchStore> {
  const socketPath = join(folder, "store.sock");
  const server = startChild([
    program,
    "store",
    `--file=${join(folder, "store.db")}`,
    `--socket=${socketPath}`,
    "--log-level=warn",
  ]);
  await untilPresent(socketPath, server);
  const store = connectEmbeddedStore({ socketPath, clock: systemClock, random: systemRandom });
  return {
    store,
    flags: [
      `--store-socket=${socketPath}`,
      "--vm-id=00000000-0000-0000-0000-00000000000a",
      `--vm-resource-id=${VM_RESOURCE_ID}`,
      "--vm-size=Standard_D8s_v5",
      "--location=eastus",
    ],
    close: async () => {
      store.close();
      await server.stop();
    },
  };
}

/**
 * Kubernetes' API server. The emulator's metadata service gives the node's identity, over plain HTTP as
 * Azure's does.
 */
export async function kubernetesStore(nodeName: string, tell: (line: string) => void): Promise<BenchStore> {
  const missing = await whyNoApiServer();
  if (missing !== undefined) throw new Error(`--kubernetes ${missing}`);
  const server = await startApiServer(tell);
  const azure = await startEmulator({
    https: false,
    resourceGroups: [{ subscriptionId: SUBSCRIPTION_ID, name: "rg", location: "eastus" }],
    virtualMachines: [
      {
        subscriptionId: SUBSCRIPTION_ID,
        resourceGroup: "rg",
        location: "eastus",
        name: nodeName,
        zone: "1",
        size: "Standard_D8s_v5",
      },
    ],
  });
  const client = server.connect();
  for (const [path, name] of [
    ["/api/v1/namespaces", NAMESPACE],
    ["/api/v1/nodes", nodeName],
  ] as const) {
    const made = await client.call({ method: "POST", path, body: { metadata: { name } } }, never);
    if (!made.ok || made.value.code !== 201)
      throw new Error(`${path} ${name} could not be made: ${JSON.stringify(made)}`);
  }
  return {
    store: createKubernetesObjectStore(client, NAMESPACE),
    flags: [
      `--kubeconfig=${server.kubeconfigFile}`,
      `--namespace=${NAMESPACE}`,
      `--metadata-endpoint=${azure.url}/emulator/v1/imds/${nodeName}`,
    ],
    close: async () => {
      await azure.close();
      await server.close();
    },
  };
}
