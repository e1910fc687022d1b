import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { OtherStore } from "../../demo/lab/lab.ts";
import type { Orchestrator } from "../../demo/lab/orchestrator.ts";
import type { ApiClient, ApiRequest } from "../../src/adapters/kubernetes/api/api-client.ts";
import { createKubernetesObjectStore } from "../../src/adapters/kubernetes/kubernetes-object-store.ts";
import { resourceUriKey } from "../../src/core/azure/ids/disk-uri.ts";
import type { ObjectStore } from "../../src/ports/store/object-store.ts";
import { waitUntil } from "../../testbed/lab/units/wait-until.ts";
import { renderChart, RELEASE } from "../chart/render-chart.ts";
import { createClusterObjects } from "../kubernetes-facts/cluster-objects.ts";
import { type ApiServer, startApiServer } from "../kubernetes-store/api-server.ts";

const NAMESPACE = "azure-disk-csi";
const NODE_ACCOUNT = "csi-azuredisk-node-sa";
const CONTROLLER_ACCOUNT = "csi-azuredisk-controller-sa";
const OUT_OF_SERVICE = {
  key: "node.kubernetes.io/out-of-service",
  value: "nodeshutdown",
  effect: "NoExecute",
};
const ACTIVE_MAX_MS = 120_000;
/** On a busy machine an answer may take long. */
const CALL_MAX_MS = 60_000;
const never = new AbortController().signal;

/**
 * A real API server with the chart's objects, and Nodes. The controller, each node plug-in and each
 * attacker have the tokens of their pods.
 */
export interface ChartCluster {
  /** For the lab's processes. The orchestrator creates Nodes, claims and pods as an administrator. */
  readonly other: OtherStore;
  /** The driver's objects, with the token of a node's plug-in. */
  storeAs(nodeName: string): ObjectStore;
  /** The messages of events about an object of any kind that have this reason. */
  eventsAbout(name: string, reason: string): Promise<readonly string[]>;
  /** As an administrator; answers what it prints. */
  kubectl(...args: readonly string[]): Promise<string>;
  /** Makes the chart's objects that are missing, as `helm upgrade` does. */
  upgrade(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Installs the chart with `attach: driver`, with Nodes of these names, and waits until its policies are
 * enforced.
 */
export async function startChartCluster(nodeNames: readonly [string, ...string[]]): Promise<ChartCluster> {
  const server = await startApiServer((line) => console.log(line));
  const folder = await mkdtemp(join(tmpdir(), "chart-cluster-"));
  const close = async (): Promise<void> => {
    await server.close();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    return await install(server, folder, nodeNames, close);
  } catch (error) {
    await close();
    throw error;
  }
}

async function install(
  server: ApiServer,
  folder: string,
  nodeNames: readonly [string, ...string[]],
  close: () => Promise<void>,
): Promise<ChartCluster> {
  const admin = server.connect({ requestTimeoutMs: CALL_MAX_MS });
  const call = async (method: ApiRequest["method"], path: string, body?: object): Promise<unknown> => {
    const answer = await admin.call(
      {
        method,
        path,
        body,
        ...(method === "PATCH" ? { contentType: "application/merge-patch+json" as const } : {}),
      },
      never,
    );
    assert.ok(answer.ok && answer.value.code < 300, `${method} ${path}: ${JSON.stringify(answer)}`);
    return answer.value.body;
  };
  const chart = join(folder, "chart.json");
  // No kubelet runs here: the chart's DaemonSet is left out.
  const items = (await renderChart({ attach: "driver" })).filter(({ kind }) => kind !== "DaemonSet");
  await writeFile(chart, JSON.stringify({ apiVersion: "v1", kind: "List", items }));
  const kubectl = async (...args: readonly string[]): Promise<string> => {
    const { code, output } = await server.kubectl(...args);
    assert.equal(code, 0, output);
    return output;
  };
  const upgrade = async (): Promise<void> =>
    void (await kubectl("apply", "--server-side", "--force-conflicts", "-f", chart));
  await upgrade();

  const pods = `/api/v1/namespaces/${RELEASE.namespace}/pods`;
  const tokenOf = async (account: string, podName: string, nodeName: string | undefined): Promise<string> => {
    const spec = {
      ...(nodeName === undefined ? {} : { nodeName }),
      serviceAccountName: account,
      containers: [{ name: "azuredisk", image: "none" }],
    };
    await call("POST", pods, { metadata: { name: podName }, spec });
    const boundObjectRef = { kind: "Pod", apiVersion: "v1", name: podName };
    const request = { spec: { boundObjectRef } };
    const made = await call(
      "POST",
      `/api/v1/namespaces/${RELEASE.namespace}/serviceaccounts/${account}/token`,
      request,
    );
    return (made as { readonly status: { readonly token: string } }).status.token;
  };
  const tokens = new Map([["controller", await tokenOf(CONTROLLER_ACCOUNT, "controller", undefined)]]);
  for (const name of nodeNames) {
    const labels = { "kubernetes.io/hostname": name, "topology.kubernetes.io/zone": "eastus-1" };
    await call("POST", "/api/v1/nodes", { metadata: { name, labels } });
    tokens.set(name, await tokenOf(NODE_ACCOUNT, `node-${name}`, name));
  }
  for (const [name, token] of tokens)
    await writeFile(join(folder, name), await kubeconfigWith(server, token), { mode: 0o600 });
  const connectAs = (name: string): ApiClient => {
    const token = { kind: "text", text: tokens.get(name) ?? "" } as const;
    return server.connect({
      config: { ...server.config, clientCertificate: undefined, token },
      requestTimeoutMs: CALL_MAX_MS,
    });
  };
  await untilEnforced(connectAs(nodeNames[0]));

  const store = createKubernetesObjectStore(admin, NAMESPACE);
  return {
    other: {
      // The API server disconnects its clients.
      store: { ...store, close: () => undefined },
      orchestrator: await asAdministrator(admin, await server.newNamespace(), call),
      flags: (name) => [`--kubeconfig=${join(folder, name)}`, `--namespace=${NAMESPACE}`],
    },
    storeAs: (name) => createKubernetesObjectStore(connectAs(name), NAMESPACE),
    eventsAbout: async (name, reason) => {
      const { items: events } = (await call("GET", "/api/v1/events")) as {
        readonly items: readonly {
          readonly reason: string;
          readonly message: string;
          readonly involvedObject: { readonly name: string };
        }[];
      };
      return events
        .filter((event) => event.reason === reason && event.involvedObject.name === name)
        .map(({ message }) => message);
    },
    kubectl,
    upgrade,
    close,
  };
}

async function kubeconfigWith(server: ApiServer, token: string): Promise<string> {
  const config = JSON.parse(await readFile(server.kubeconfigFile, "utf8")) as {
    readonly users: readonly { readonly name: string }[];
  };
  return JSON.stringify({ ...config, users: config.users.map(({ name }) => ({ name, user: { token } })) });
}

/** A policy is enforced some time after its creation. */
async function untilEnforced(node: ApiClient): Promise<void> {
  const path = `/apis/disk.csi.azure.com/v1/namespaces/${NAMESPACE}/azdrivernodes`;
  const body = {
    apiVersion: "disk.csi.azure.com/v1",
    kind: "AzDriverNode",
    metadata: { name: "another" },
    spec: { nodeName: "another" },
  };
  await waitUntil("the policies to be enforced", { timeoutMs: ACTIVE_MAX_MS }, async () => {
    const answer = await node.call({ method: "POST", path, query: { dryRun: "All" }, body }, never);
    return JSON.stringify(answer).includes("a node writes only its own AzDriverNode") ? true : undefined;
  });
}

type Call = (method: ApiRequest["method"], path: string, body?: object) => Promise<unknown>;

/**
 * What Kubernetes' controllers and a user do: a Node gets its VM's id, a pod is created with its claim and
 * deleted, a Node is marked out of service.
 */
async function asAdministrator(admin: ApiClient, namespace: string, call: Call): Promise<Orchestrator> {
  const objects = await createClusterObjects(admin, namespace);
  const claimOf = (volumeId: string): string => resourceUriKey(volumeId).split("/").at(-1) ?? "";
  const podOf = (nodeName: string, volumeId: string): string => `${claimOf(volumeId)}-on-${nodeName}`;
  const pods = `/api/v1/namespaces/${namespace}/pods`;
  return {
    // As the cloud's node controller and the kubelet do.
    addNode: async (nodeName, instanceUri) => {
      const path = `/api/v1/nodes/${nodeName}`;
      await call("PATCH", path, { spec: { providerID: `azure://${instanceUri}`, taints: [] } });
      await call("PATCH", `${path}/status`, {
        status: { conditions: [{ type: "Ready", status: "True", reason: "KubeletReady", message: "" }] },
      });
    },
    addUser: async (nodeName, volumeId) => {
      const claimName = claimOf(volumeId);
      await objects.ensureClaim(claimName, volumeId);
      const volumes = [{ name: "data", persistentVolumeClaim: { claimName } }];
      await call("POST", pods, {
        metadata: { name: podOf(nodeName, volumeId) },
        spec: { nodeName, containers: [{ name: "main", image: "none" }], volumes },
      });
    },
    removeUser: async (nodeName, volumeId) =>
      void (await call("DELETE", `${pods}/${podOf(nodeName, volumeId)}`, { gracePeriodSeconds: 0 })),
    setOutOfService: async (nodeName, isOutOfService) =>
      void (await call("PATCH", `/api/v1/nodes/${nodeName}`, {
        spec: { taints: isOutOfService ? [OUT_OF_SERVICE] : [] },
      })),
    setUnschedulable: async (nodeName, unschedulable) =>
      void (await call("PATCH", `/api/v1/nodes/${nodeName}`, { spec: { unschedulable } })),
  };
}
