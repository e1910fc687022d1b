import { connectCsi } from "../../../demo/lab/csi-clients.ts";
import { createKubernetesObjectStore } from "../../../src/adapters/kubernetes/kubernetes-object-store.ts";
import { startRoleOnKubernetes } from "../wire/role-processes.ts";
import {
  callsOf,
  type ControllerCalls,
  type EmulatorProcess,
  registerNode,
  untilLeads,
} from "../wire/shipped-controller.ts";
import { type Cluster, NAMESPACE } from "./cluster.ts";

/** A controller in a process of its own that keeps its objects in the cluster. */
export interface ControllerInCluster extends ControllerCalls {
  readonly pid: number;
  /** Calls of CSI that failed and were made again. */
  readonly repeats: () => number;
  readonly stop: () => Promise<void>;
}

/** Starts ours as it ships. Its nodes have registered, and send heartbeats. */
export async function startOurs(
  folder: string,
  {
    emulator,
    cluster,
    timeScale,
  }: { readonly emulator: EmulatorProcess; readonly cluster: Cluster; readonly timeScale: number },
): Promise<ControllerInCluster> {
  await using starting = new AsyncDisposableStack();
  const store = createKubernetesObjectStore(cluster.client, NAMESPACE);
  for (const node of emulator.vmIds.keys()) {
    const heart = await registerNode(store, emulator, node);
    starting.defer(heart.stop);
  }
  const kubernetes = { kubeconfigFile: cluster.kubeconfigFile, namespace: NAMESPACE };
  const controller = await startRoleOnKubernetes(folder, kubernetes, { azure: emulator, timeScale });
  starting.defer(controller.stop);
  const clients = connectCsi(controller.csiSocket, new AbortController().signal);
  starting.defer(clients.close);
  await untilLeads(store);
  const started = starting.move();
  let repeats = 0;
  return {
    pid: controller.pid,
    ...callsOf(clients, () => {
      repeats++;
      return true;
    }),
    repeats: () => repeats,
    stop: () => started.disposeAsync(),
  };
}
