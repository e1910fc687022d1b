import type { ConnectedStore } from "../../adapters/embedded/connect-embedded-store.ts";
import type { ApiClient } from "../../adapters/kubernetes/api/api-client.ts";
import type { ApiServerConfig } from "../../adapters/kubernetes/api/api-server-config.ts";
import { grouped, type Values } from "../../cli/options.ts";
import { driverVersion } from "../../cli/version.ts";
import { describeFailure } from "../../core/failure/describe-failure.ts";
import type { ObjectStore } from "../../ports/store/object-store.ts";
import type { ProcessPorts } from "../roles/run-role.ts";
import { namespaceProblem } from "../settings/name-problems.ts";
import { WrongSetting } from "../settings/wrong-setting.ts";

/** The cluster, and the place in it, of the driver's objects. */
export const kubernetesOptions = grouped("Kubernetes", {
  kubeconfig: {
    kind: "text",
    help: "kubeconfig file of the cluster with the driver's objects (default: the pod's service account)",
  },
  namespace: {
    kind: "text",
    default: "azure-disk-csi",
    problem: namespaceProblem,
    help: "Namespace of the driver's objects",
  },
});

export const storeOptions = grouped("Kubernetes", {
  ...kubernetesOptions,
  "store-socket": {
    kind: "text",
    help: "Unix socket of the embedded object store (role store); wins over a pod's service account",
  },
});

export interface StoreConnection {
  readonly store: ObjectStore;
  /**
   * The same store over connections of its own, for the controllers' Lease alone: it never queues
   * behind the calls of `store`. Connects when it is first used.
   */
  readonly leaseStore: ObjectStore;
  /** Undefined without Kubernetes. */
  readonly apiClient: ApiClient | undefined;
  /** Drops idle connections. */
  close(): void;
}

interface ConnectPorts extends Pick<ProcessPorts, "clock" | "random"> {
  /** Milliseconds until the API server must have answered a call. Default: that of the client. */
  readonly requestTimeoutMs?: number;
}

/** Throws `WrongSetting` if the settings name no store, or two. */
export async function checkStore(values: Values<typeof storeOptions>): Promise<void> {
  if (values.storeSocket === undefined) await apiServerConfig(values);
  else if (values.kubeconfig !== undefined)
    throw new WrongSetting(
      "--store-socket: got it and --kubeconfig; expected one: the driver's objects are in one place only",
    );
}

/** How the API server is reached. Throws `WrongSetting` if that can't be read. */
export async function apiServerConfig({
  kubeconfig,
}: Pick<Values<typeof kubernetesOptions>, "kubeconfig">): Promise<ApiServerConfig> {
  const config = await (kubeconfig === undefined
    ? (await import("../../adapters/kubernetes/api/in-cluster-config.ts")).inClusterConfig({
        environment: process.env,
      })
    : (await import("../../adapters/kubernetes/api/read-kubeconfig.ts")).readKubeconfig(kubeconfig));
  if (config.ok) return config.value;
  const { field, problem } = config.failure;
  const given = kubeconfig === undefined ? "" : `got ${JSON.stringify(kubeconfig)}; `;
  throw new WrongSetting(
    field === "kubeconfig"
      ? `--kubeconfig: ${given}${problem}`
      : `--kubeconfig: is not given, and ${describeFailure(config.failure)}`,
  );
}

/**
 * Connects to the object store: the embedded one behind `--store-socket`, or Kubernetes, by
 * `--kubeconfig` or as the pod of this process. Loads only what the one needs. Sends no request yet.
 * Throws what `checkStore` throws for settings that it refuses.
 */
export async function connectStore(
  values: Values<typeof storeOptions>,
  roleName: string,
  ports: ConnectPorts,
): Promise<StoreConnection> {
  const socketPath = values.storeSocket;
  if (socketPath === undefined) return connectKubernetes(values, roleName, ports);
  await checkStore(values);
  const { connectEmbeddedStore } = await import("../../adapters/embedded/connect-embedded-store.ts");
  const connect = (): ConnectedStore =>
    connectEmbeddedStore({ socketPath, clock: ports.clock, random: ports.random });
  const [store, leaseStore] = [connect(), connect()];
  const close = (): void => {
    store.close();
    leaseStore.close();
  };
  return { store, leaseStore, apiClient: undefined, close };
}

/**
 * Connects to Kubernetes, by `--kubeconfig` or as the pod of this process. Throws with a sentence if
 * that can't be read.
 */
export async function connectKubernetes(
  values: Values<typeof kubernetesOptions>,
  roleName: string,
  { clock, random, ...limits }: ConnectPorts,
): Promise<StoreConnection & { readonly apiClient: ApiClient }> {
  const { namespace } = values;
  const [{ connectApiServer }, { createKubernetesObjectStore }] = await Promise.all([
    import("../../adapters/kubernetes/api/connect-api-server.ts"),
    import("../../adapters/kubernetes/kubernetes-object-store.ts"),
  ]);
  const config = await apiServerConfig(values);
  const connect = (caller: string): ApiClient =>
    connectApiServer({
      config,
      userAgent: `azuredisk-csi-driver/${driverVersion} (${caller})`,
      clock,
      random,
      ...limits,
    });
  const [client, leaseClient] = [connect(roleName), connect(`${roleName}, leader election`)];
  const close = (): void => {
    client.close();
    leaseClient.close();
  };
  return {
    store: createKubernetesObjectStore(client, namespace),
    leaseStore: createKubernetesObjectStore(leaseClient, namespace),
    apiClient: client,
    close,
  };
}
