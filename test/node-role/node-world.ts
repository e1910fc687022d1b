import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { get } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Child, startChild } from "../../demo/lab/child.ts";
import type { ApiClient } from "../../src/adapters/kubernetes/api/api-client.ts";
import { createKubernetesObjectStore } from "../../src/adapters/kubernetes/kubernetes-object-store.ts";
import { attachmentObjectName } from "../../src/core/api/object-names.ts";
import type { ObjectStore } from "../../src/ports/store/object-store.ts";
import { type AzureFixture, startAzure } from "../emulator/azure-fixture.ts";
import type { ApiServer } from "../kubernetes-store/api-server.ts";

const MAIN = fileURLToPath(new URL("../../src/main.ts", import.meta.url));
const READY_MAX_MS = 120_000;
const STOP_MAX_MS = 60_000;
const never = new AbortController().signal;

/**
 * A Node and its VM in the emulator, and the folders of its machine; node plug-ins run on it as processes.
 */
export interface NodeWorld {
  readonly nodeName: string;
  readonly vmName: string;
  readonly azure: AzureFixture;
  readonly client: ApiClient;
  readonly store: ObjectStore;
  readonly csiSocket: string;
  readonly registrationSocket: string;
  /** Starts a node plug-in and waits until it serves. */
  startPlugin(options?: { readonly registersItself: boolean }): Promise<RunningPlugin>;
  /** Starts one that may never serve. */
  startWaitingPlugin(): Child;
  /** Runs the preStop hook of the plug-in's container. */
  startPreStop(): Child;
  /**
   * Requests a disk on the node, as ControllerPublishVolume does; returns a function that withdraws the
   * request.
   */
  requestVolume(diskUri: string): Promise<{ readonly remove: () => Promise<void> }>;
  deleteDaemonSet(): Promise<void>;
  /** Reads a Kubernetes object. */
  read(path: string): Promise<Readonly<Record<string, unknown>>>;
  /** Changes one with a merge patch. */
  change(path: string, patch: object): Promise<void>;
  close(): Promise<void>;
}

/** A node plug-in as a process. */
export interface RunningPlugin {
  readonly child: Child;
  /** Status and body of `/healthz` or `/readyz`. */
  health(path: "/healthz" | "/readyz"): Promise<{ readonly code: number; readonly text: string }>;
}

/** Creates node-a, in zone 1 of eastus, with the given taints, and a DaemonSet for its plug-in. */
export async function aNodeWorld(server: ApiServer, taints: readonly object[]): Promise<NodeWorld> {
  const namespace = await server.newNamespace();
  const nodeName = `node-of-${namespace}`;
  // Not the node's name: code that confuses the two finds nothing.
  const vmName = `vm-of-${namespace}`;
  const client = server.connect();
  const directory = await mkdtemp(join(tmpdir(), "node-role-"));
  const path = (...parts: readonly string[]): string => join(directory, ...parts);
  const [csiSocket, registrationSocket] = [path("csi.sock"), path("registry", "disk.csi.azure.com-reg.sock")];
  for (const folder of ["registry", "kubelet"]) await mkdir(path(folder));
  const azure = await startAzure({
    virtualMachines: [{ name: vmName, computerName: nodeName, zone: "1", size: "Standard_D4s_v5" }],
  });
  await writeFile(path("ca.pem"), azure.emulator.caPem ?? "");

  async function call(
    method: "POST" | "PATCH" | "GET",
    at: string,
    body?: object,
  ): Promise<Readonly<Record<string, unknown>>> {
    const contentType = method === "PATCH" ? { contentType: "application/merge-patch+json" } : {};
    const answer = await client.call({ method, path: at, body, ...contentType }, never);
    assert.ok(answer.ok && answer.value.code < 300, JSON.stringify(answer));
    return answer.value.body as Readonly<Record<string, unknown>>;
  }

  await call("POST", "/api/v1/nodes", {
    metadata: {
      name: nodeName,
      labels: {
        "topology.kubernetes.io/zone": "eastus-1",
        "node.kubernetes.io/instance-type": "Standard_D4s_v5",
      },
    },
    spec: { taints },
  });
  const daemonSets = `/apis/apps/v1/namespaces/${namespace}/daemonsets`;
  await call("POST", daemonSets, aDaemonSet);
  const daemonSetPath = `${daemonSets}/${aDaemonSet.metadata.name}`;
  const store = createKubernetesObjectStore(client, namespace);

  const storeFlags = [
    `--kubeconfig=${server.kubeconfigFile}`,
    `--namespace=${namespace}`,
    `--state-dir=${path("state")}`,
  ];
  const children: Child[] = [];
  const start = (name: string, flags: readonly string[]): Child => {
    const child = startChild(name, [process.execPath, MAIN, name, ...storeFlags, ...flags], {
      ...process.env,
      KUBE_NODE_NAME: nodeName,
    });
    children.push(child);
    return child;
  };

  const startNode = (registersItself: boolean): Child =>
    start("node", [
      `--node-name=${nodeName}`,
      `--endpoint=unix://${csiSocket}`,
      `--kubelet-dir=${path("kubelet")}`,
      `--device-root=${directory}`,
      ...(registersItself ? [`--registration-socket=${registrationSocket}`] : []),
      `--daemon-set=${namespace}/${aDaemonSet.metadata.name}`,
      `--metadata-endpoint=${azure.emulator.url}/emulator/v1/imds/${vmName}`,
      `--metadata-ca-file=${path("ca.pem")}`,
      "--http-endpoint=127.0.0.1:0",
      "--heartbeat-ms=300",
    ]);

  return {
    nodeName,
    vmName,
    azure,
    client,
    store,
    csiSocket,
    registrationSocket,
    startPlugin: async ({ registersItself } = { registersItself: true }) => {
      const child = startNode(registersItself);
      const { http } = JSON.parse(
        await child.untilLine((line) => line.startsWith('{"ready"'), READY_MAX_MS),
      ) as { readonly http: string };
      return { child, health: (at) => getText(`http://${http}${at}`) };
    },
    startWaitingPlugin: () => startNode(true),
    startPreStop: () => start("pre-stop", [`--daemon-set=${namespace}/${aDaemonSet.metadata.name}`]),
    requestVolume: async (diskUri) => {
      const spec = {
        volumeName: "pvc-1",
        volumeId: diskUri,
        nodeName,
        role: "Primary",
        writerRequest: { since: "2026-01-01T00:00:00.000Z" },
        readOnly: false,
        volumeContext: {},
      } as const;
      const name = attachmentObjectName({ diskUri, nodeName });
      const created = await store.create(
        "AzVolumeAttachment",
        { metadata: { name, labels: { "disk.csi.azure.com/node-name": nodeName } }, spec },
        never,
      );
      assert.ok(created.ok, JSON.stringify(created));
      return {
        remove: async () => {
          assert.ok((await store.delete("AzVolumeAttachment", name, {}, never)).ok);
        },
      };
    },
    deleteDaemonSet: async () => {
      const answer = await client.call({ method: "DELETE", path: daemonSetPath }, never);
      assert.ok(answer.ok && answer.value.code < 300, JSON.stringify(answer));
    },
    read: (at) => call("GET", at),
    change: async (at, patch) => void (await call("PATCH", at, patch)),
    close: async () => {
      for (const child of children) await child.stop(STOP_MAX_MS);
      client.close();
      await azure.close();
      await rm(directory, { recursive: true });
    },
  };
}

const aDaemonSet = {
  metadata: { name: "csi-azuredisk-node" },
  spec: {
    selector: { matchLabels: { app: "csi-azuredisk-node" } },
    template: {
      metadata: { labels: { app: "csi-azuredisk-node" } },
      spec: { containers: [{ name: "azuredisk", image: "any" }] },
    },
  },
};

function getText(url: string): Promise<{ readonly code: number; readonly text: string }> {
  return new Promise((resolve, reject) => {
    get(url, { agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
      response.on("end", () => resolve({ code: response.statusCode ?? 0, text: text.trim() }));
    }).on("error", reject);
  });
}
