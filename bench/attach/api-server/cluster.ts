import type { ApiClient, ApiRequest } from "../../../src/adapters/kubernetes/api/api-client.ts";
import { type ApiServer, startApiServer } from "../../../test/kubernetes-store/api-server.ts";
import { waitUntil } from "../../../testbed/lab/units/wait-until.ts";
import { diskUri, vmUri } from "../place.ts";

/** Of the driver's objects. */
export const NAMESPACE = "azure-disk-csi";

const DRIVER = "disk.csi.azure.com";
const WAIT = { timeoutMs: 180_000, everyMs: 50 };
/** Of the driver's group only these: the nodes' heartbeats are the benchmark's own. */
const COUNTED = ["azvolumes", "azvolumeattachments", "events"];
const never = new AbortController().signal;

/** An object as the API server has it. */
type Stored = Readonly<Record<string, unknown>>;

/** Kubernetes' API server with what sidecars and kubelets keep there: nodes, volumes and pods. */
export interface Cluster {
  readonly kubeconfigFile: string;
  readonly client: ApiClient;
  readonly driverPath: (resource: string) => string;
  readonly create: (path: string, object: Stored) => Promise<Stored>;
  readonly putStatus: (path: string, object: Stored) => Promise<void>;
  readonly remove: (path: string) => Promise<void>;
  /** A PersistentVolume of a disk, and the claim that is bound to it. */
  readonly addVolume: (name: string) => Promise<void>;
  /** A running pod with the claim of a volume. */
  readonly addPod: (name: string, volume: string, node: string) => Promise<void>;
  readonly removePod: (name: string) => Promise<void>;
  readonly addVolumeAttachment: (volume: string, node: string) => Promise<void>;
  /** As external-attacher does once CSI has answered; the driver V2 in Go waits for it. */
  readonly markAttached: (volume: string, node: string) => Promise<void>;
  readonly removeVolumeAttachment: (volume: string, node: string) => Promise<void>;
  /** Waits until exactly so many of the driver's attachments are attached. */
  readonly untilAttached: (count: number) => Promise<void>;
  /**
   * The API server's calls about volumes, attachments and events since this was last asked; watches are left
   * out, as are the benchmark's own.
   */
  readonly newCalls: () => Promise<number>;
  readonly close: () => Promise<void>;
}

/** The driver's resource definitions in a folder, and their version. */
export interface Definitions {
  readonly folder: string;
  readonly version: string;
}

/** Starts an API server with these nodes. `definitions`: ours by default. */
export async function startCluster(nodes: readonly string[], definitions?: Definitions): Promise<Cluster> {
  const server = await startApiServer((line) => console.error(line), definitions?.folder);
  try {
    return await clusterOf(server, nodes, definitions?.version ?? "v1");
  } catch (error) {
    await server.close();
    throw error;
  }
}

async function clusterOf(server: ApiServer, nodes: readonly string[], version: string): Promise<Cluster> {
  const client = server.connect();
  let ownLists = 0;
  let last = 0;
  const call = async (request: ApiRequest): Promise<Stored> => {
    const answer = await client.call(request, never);
    if (!answer.ok || answer.value.code >= 300)
      throw new Error(`${request.method} ${request.path}: ${JSON.stringify(answer)}`);
    return answer.value.body as Stored;
  };
  const mustKubectl = async (...args: readonly string[]): Promise<string> => {
    const { code, output } = await server.kubectl(...args);
    if (code !== 0) throw new Error(`kubectl ${args.join(" ")}: ${output}`);
    return output;
  };
  const driverPath = (resource: string): string =>
    `/apis/${DRIVER}/${version}/namespaces/${NAMESPACE}/${resource}`;
  const create = (path: string, body: Stored): Promise<Stored> => call({ method: "POST", path, body });
  const putStatus = async (path: string, body: Stored): Promise<void> =>
    void (await call({ method: "PUT", path: `${path}/status`, body }));
  const remove = async (path: string): Promise<void> => void (await call({ method: "DELETE", path }));
  const attached = async (): Promise<number> => {
    ownLists++;
    const { items } = await call({ method: "GET", path: driverPath("azvolumeattachments") });
    return (items as readonly { readonly status?: { readonly state?: string } }[]).filter(
      ({ status }) => status?.state === "Attached",
    ).length;
  };
  const counted = async (): Promise<number> =>
    callsIn(await mustKubectl("get", "--raw", "/metrics")) - ownLists;
  const addNode = async (name: string): Promise<void> => {
    const path = `/api/v1/nodes/${name}`;
    const spec = { providerID: `azure://${vmUri(name)}` };
    const node = await create("/api/v1/nodes", {
      metadata: { name, labels: { "node.kubernetes.io/instance-type": "Standard_D16s_v5" } },
      spec,
    });
    // The API server has tainted it: a new node is not ready.
    const untainted = await call({ method: "PUT", path, body: { ...node, spec } });
    await putStatus(path, { ...untainted, status: { conditions: [{ type: "Ready", status: "True" }] } });
  };

  await create("/api/v1/namespaces", { metadata: { name: NAMESPACE } });
  // Without it no pod is accepted, and no controller manager is here to make it.
  await create("/api/v1/namespaces/default/serviceaccounts", { metadata: { name: "default" } });
  for (const name of nodes) await addNode(name);
  return {
    kubeconfigFile: server.kubeconfigFile,
    client,
    driverPath,
    create,
    putStatus,
    remove,
    addVolume: async (name) => {
      const common = { accessModes: ["ReadWriteOnce"], storageClassName: "bench" };
      const claim = await create("/api/v1/namespaces/default/persistentvolumeclaims", {
        metadata: { name },
        spec: { ...common, volumeName: name, resources: { requests: { storage: "64Gi" } } },
      });
      const volume = await create("/api/v1/persistentvolumes", {
        metadata: { name },
        spec: {
          ...common,
          capacity: { storage: "64Gi" },
          claimRef: { namespace: "default", name, uid: (claim["metadata"] as Stored)["uid"] },
          csi: { driver: DRIVER, volumeHandle: diskUri(name) },
        },
      });
      await putStatus(`/api/v1/persistentvolumes/${name}`, { ...volume, status: { phase: "Bound" } });
      await putStatus(`/api/v1/namespaces/default/persistentvolumeclaims/${name}`, {
        ...claim,
        status: { phase: "Bound" },
      });
    },
    addPod: async (name, volume, node) => {
      const pod = await create("/api/v1/namespaces/default/pods", {
        metadata: { name },
        spec: {
          nodeName: node,
          automountServiceAccountToken: false,
          containers: [{ name: "main", image: "none" }],
          volumes: [{ name: "data", persistentVolumeClaim: { claimName: volume } }],
        },
      });
      await putStatus(`/api/v1/namespaces/default/pods/${name}`, { ...pod, status: { phase: "Running" } });
    },
    removePod: async (name) =>
      void (await call({
        method: "DELETE",
        path: `/api/v1/namespaces/default/pods/${name}`,
        body: { gracePeriodSeconds: 0 },
      })),
    addVolumeAttachment: async (volume, node) =>
      void (await create("/apis/storage.k8s.io/v1/volumeattachments", {
        metadata: { name: `${volume}-${node}` },
        spec: { attacher: DRIVER, nodeName: node, source: { persistentVolumeName: volume } },
      })),
    markAttached: async (volume, node) => {
      const path = `/apis/storage.k8s.io/v1/volumeattachments/${volume}-${node}`;
      const contentType = "application/merge-patch+json";
      await call({
        method: "PATCH",
        path: `${path}/status`,
        contentType,
        body: { status: { attached: true } },
      });
    },
    removeVolumeAttachment: (volume, node) =>
      remove(`/apis/storage.k8s.io/v1/volumeattachments/${volume}-${node}`),
    untilAttached: async (count) => {
      await waitUntil(
        `${count} disks to be attached`,
        WAIT,
        async () => (await attached()) === count || undefined,
      );
    },
    newCalls: async () => {
      const before = last;
      last = await counted();
      return last - before;
    },
    close: () => server.close(),
  };
}

/** Reads the API server's own metrics. */
function callsIn(metrics: string): number {
  let calls = 0;
  for (const line of metrics.split("\n")) {
    const [, labels, value] = /^apiserver_request_total\{(.*)\} (\S+)$/u.exec(line) ?? [];
    if (labels === undefined) continue;
    const label = (key: string): string => new RegExp(`(?:^|,)${key}="([^"]*)"`, "u").exec(labels)?.[1] ?? "";
    if (COUNTED.includes(label("resource")) && label("verb") !== "WATCH") calls += Number(value);
  }
  return calls;
}
