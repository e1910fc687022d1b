import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import type { ApiClient } from "../../src/adapters/kubernetes/api/api-client.ts";
import { createKubernetesObjectStore } from "../../src/adapters/kubernetes/kubernetes-object-store.ts";
import { aDriverNode } from "../../src/controller/testing/a-driver-node.ts";
import type { WriterRecord } from "../../src/core/api/az-volume.ts";
import { attachmentObjectName } from "../../src/core/api/object-names.ts";
import { SCORE_MAX } from "../../src/core/schedule/score-nodes.ts";
import { aRecord } from "../../src/core/testing/objects.ts";
import { valueOf } from "../../src/core/testing/value-of.ts";
import type { ObjectStore } from "../../src/ports/store/object-store.ts";
import { waitUntil } from "../../testbed/lab/units/wait-until.ts";
import { renderChart } from "../chart/render-chart.ts";
import { type ApiServer, startApiServer } from "../kubernetes-store/api-server.ts";

const PROGRAM = fileURLToPath(new URL("../../src/main.ts", import.meta.url));
const NAMESPACE = "default";
const DRIVER = "disk.csi.azure.com";
const SCHEDULER = "csi-azuredisk-scheduler-extender";
/** A class whose volumes are made for their first pod. */
const LATE_CLASS = "late";
const SCHEDULED_MAX_MS = 180_000;
const READY_MAX_MS = 180_000;
const never = new AbortController().signal;

/**
 * Kubernetes' own API server and scheduler with the extender, and nodes that exist only as objects: a pod's
 * assigned node is where it would run.
 */
export interface ScheduledCluster {
  /** `host:port` of the extender. */
  readonly extender: () => string;
  /** Creates a node for pods; with a node plug-in unless `plugIn` says otherwise. */
  addNode(name: string, plugIn: "ready" | "not-ready" | "none", changes?: NodeChanges): Promise<void>;
  /** Creates a claim bound to a disk that is attached to the nodes: as a replica, but for the writer's. */
  addClaim(name: string, attachedTo: readonly string[], writerNode?: string): Promise<void>;
  /** Creates a claim bound to a disk in a zone of the region, which is attached nowhere. */
  addZonalClaim(name: string, zone: string): Promise<void>;
  /**
   * Creates a claim whose disk would be made once its first pod has a node, as a copy of another claim's if
   * that is given. Nothing here makes it.
   */
  addUnboundClaim(name: string, sourceClaim?: string): Promise<void>;
  /** Creates a pod with unbound claims and returns the nodes that the scheduler selects for the claims. */
  selectNodes(podName: string, claimNames: readonly string[]): Promise<readonly string[]>;
  /** Creates a pod with the claims and returns the scheduler's reasons why it fits no node. */
  whyUnschedulable(podName: string, claimNames: readonly string[], changes: PodChanges): Promise<string>;
  /** Creates a pod with the claims and returns its assigned node. */
  schedule(podName: string, claimNames: readonly string[], changes?: PodChanges): Promise<string>;
  /** Whether a pod exists that nothing is evicting. */
  isStaying(podName: string): Promise<boolean>;
  /** Starts the scheduler, in place of a running one; sends the extender names, or full nodes. */
  startScheduler(nodes: "names" | "full"): Promise<void>;
  /** kill -9. */
  killExtender(): Promise<void>;
  close(): Promise<void>;
}

/** What a node is beside its name. */
export interface NodeChanges {
  readonly taints?: readonly object[];
  /** The images that it has. */
  readonly images?: readonly object[];
  /** The zone of its VM in the region. Default: none. */
  readonly zone?: string;
}

interface ClaimAnnotations {
  readonly annotations?: Readonly<Record<string, string>>;
}

interface Condition {
  readonly reason?: string;
  readonly message?: string;
}

/** What makes a pod. */
interface Owner {
  readonly apiVersion: string;
  readonly kind: string;
}

/** What a pod is beside its claims. */
export interface PodChanges {
  /** Its controller. */
  readonly owner?: Owner;
  readonly labels?: Readonly<Record<string, string>>;
  /** Further fields of its spec; a `nodeName` bypasses the scheduler. */
  readonly spec?: object;
  /** Its requests of its one container. */
  readonly requests?: Readonly<Record<string, string>>;
  /** The node that an earlier scheduling cycle has nominated for it. */
  readonly nominatedNodeName?: string;
}

/** Builds what is missing, unless the cache has it, and starts API server and extender. */
export async function startScheduledCluster(onProgress: (line: string) => void): Promise<ScheduledCluster> {
  const closing: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (const step of closing.splice(0).toReversed()) await step();
  };
  try {
    return await startIn(closing, close, onProgress);
  } catch (error) {
    await close();
    throw error;
  }
}

async function startIn(
  closing: (() => Promise<void>)[],
  close: () => Promise<void>,
  onProgress: (line: string) => void,
): Promise<ScheduledCluster> {
  const server: ApiServer = await startApiServer(onProgress);
  closing.push(() => server.close());
  const folder = await mkdtemp(join(tmpdir(), "scheduler-extender-"));
  closing.push(() => rm(folder, { recursive: true, force: true }));
  const schedulerProgram = join(folder, "kube-scheduler");
  await symlink(server.programFile("kube-scheduler"), schedulerProgram);

  const namespace = await server.newNamespace();
  const client = server.connect();
  const store = createKubernetesObjectStore(client, namespace);
  await create(client, `/api/v1/namespaces/${NAMESPACE}/serviceaccounts`, { metadata: { name: "default" } });
  const diskUri = (name: string): string =>
    `/subscriptions/s/resourceGroups/rg/providers/Microsoft.Compute/disks/${name}`;

  const flags = [
    `--kubeconfig=${server.kubeconfigFile}`,
    `--namespace=${namespace}`,
    "--extender-endpoint=127.0.0.1:0",
    "--log-level=warn",
  ];
  const extender = startProgram(process.execPath, [PROGRAM, "scheduler-extender", ...flags]);
  closing.push(() => kill(extender));
  const [line] = (await once(createInterface({ input: extender.stdout }), "line")) as [string];
  const { endpoint } = JSON.parse(line) as { readonly endpoint: string };
  let readyNode: string | undefined;
  let scheduler: ChildProcess | undefined;
  const pods = `/api/v1/namespaces/${NAMESPACE}/pods`;
  const claims = `/api/v1/namespaces/${NAMESPACE}/persistentvolumeclaims`;
  await create(client, "/apis/storage.k8s.io/v1/storageclasses", {
    metadata: { name: LATE_CLASS },
    provisioner: DRIVER,
    volumeBindingMode: "WaitForFirstConsumer",
  });
  const createPod = (name: string, claimNames: readonly string[], changes: PodChanges): Promise<unknown> => {
    const { owner, labels = {}, spec = {}, requests = {}, nominatedNodeName } = changes;
    return create(client, pods, {
      metadata: { name, labels, ...(owner !== undefined && { ownerReferences: [ownedBy(owner)] }) },
      spec: {
        ...spec,
        ...(nominatedNodeName !== undefined && { schedulingGates: [{ name: "not-nominated-yet" }] }),
        schedulerName: SCHEDULER,
        containers: [{ name: "main", image: "none", resources: { requests } }],
        volumes: claimNames.map((claimName) => ({ name: claimName, persistentVolumeClaim: { claimName } })),
      },
    });
  };
  /** Creates a claim that is bound to a volume. */
  const bindClaim = async (name: string): Promise<void> => {
    const spec = {
      accessModes: ["ReadWriteOnce"],
      storageClassName: "",
      volumeName: `pv-${name}`,
      resources: { requests: { storage: "1Gi" } },
    };
    const bound = { "pv.kubernetes.io/bind-completed": "yes" };
    const { uid } = (await create(client, claims, { metadata: { name, annotations: bound }, spec })).metadata;
    await patch(client, `${claims}/${name}/status`, {
      status: { phase: "Bound", accessModes: ["ReadWriteOnce"], capacity: { storage: "1Gi" } },
    });
    await create(client, "/api/v1/persistentvolumes", {
      metadata: { name: `pv-${name}` },
      spec: {
        accessModes: ["ReadWriteOnce"],
        capacity: { storage: "1Gi" },
        claimRef: { kind: "PersistentVolumeClaim", apiVersion: "v1", namespace: NAMESPACE, name, uid },
        csi: { driver: DRIVER, volumeHandle: diskUri(name) },
      },
    });
  };
  closing.push(async () => {
    if (scheduler !== undefined) await kill(scheduler);
  });

  return {
    extender: () => endpoint,
    addNode: async (name, plugIn, { taints, images = [], zone = "" } = {}) => {
      const allocatable = { cpu: "4", memory: "8Gi", pods: "110" };
      const status = {
        capacity: allocatable,
        allocatable,
        conditions: [{ type: "Ready", status: "True", reason: "Test", message: "" }],
        images,
      };
      await create(client, "/api/v1/nodes", {
        metadata: { name, labels: { "kubernetes.io/hostname": name } },
        status,
      });
      // The API server taints every new node as not ready; the controller that removes the taint does not
      // run here.
      await patch(client, `/api/v1/nodes/${name}`, { spec: { taints: taints ?? null } });
      if (plugIn !== "none") await registerPlugIn(store, { nodeName: name, zone }, plugIn === "ready");
      if (plugIn === "ready") readyNode ??= name;
    },
    addClaim: async (name, attachedTo, writerNode) => {
      await bindClaim(name);
      if (writerNode !== undefined)
        await recordVolume(store, { diskUri: diskUri(name), volumeName: name, writerNode });
      for (const nodeName of attachedTo)
        await attach(store, {
          diskUri: diskUri(name),
          volumeName: name,
          nodeName,
          role: nodeName === writerNode ? "Primary" : "Replica",
        });
      await untilKnown(endpoint, { claimName: name, attachedTo, readyNode, writerNode });
    },
    addZonalClaim: async (name, zone) => {
      await bindClaim(name);
      await recordVolume(store, { diskUri: diskUri(name), volumeName: name, zone });
      await untilKnown(endpoint, {
        claimName: name,
        attachedTo: [],
        readyNode,
        writerNode: undefined,
        // It is in no zone.
        refusedNode: readyNode,
      });
    },
    addUnboundClaim: async (name, sourceClaim) => {
      const dataSource = { kind: "PersistentVolumeClaim", name: sourceClaim };
      await create(client, claims, {
        metadata: { name },
        spec: {
          accessModes: ["ReadWriteOnce"],
          storageClassName: LATE_CLASS,
          resources: { requests: { storage: "1Gi" } },
          ...(sourceClaim !== undefined && { dataSource }),
        },
      });
      await untilKnown(endpoint, {
        claimName: name,
        attachedTo: [],
        readyNode,
        writerNode: undefined,
        refusedNode: sourceClaim === undefined ? undefined : readyNode,
      });
    },
    selectNodes: async (podName, claimNames) => {
      await createPod(podName, claimNames, {});
      const selectedFor = (claimName: string): Promise<string> =>
        waitUntil(
          `a node to be selected for claim ${claimName}`,
          { timeoutMs: SCHEDULED_MAX_MS },
          async () => {
            const path = `${claims}/${claimName}`;
            const { body } = valueOf(await client.call({ method: "GET", path }, never));
            const { annotations } = (body as { readonly metadata: ClaimAnnotations }).metadata;
            return annotations?.["volume.kubernetes.io/selected-node"];
          },
        );
      return Promise.all(claimNames.map(selectedFor));
    },
    whyUnschedulable: async (podName, claimNames, changes) => {
      await createPod(podName, claimNames, changes);
      return waitUntil(`pod ${podName} to fit no node`, { timeoutMs: SCHEDULED_MAX_MS }, async () => {
        const answer = valueOf(await client.call({ method: "GET", path: `${pods}/${podName}` }, never));
        const { status } = answer.body as { readonly status: { readonly conditions?: readonly Condition[] } };
        return status.conditions?.find(({ reason }) => reason === "Unschedulable")?.message;
      });
    },
    schedule: async (podName, claimNames, changes = {}) => {
      const { nominatedNodeName } = changes;
      await createPod(podName, claimNames, changes);
      if (nominatedNodeName !== undefined) {
        await patch(client, `${pods}/${podName}/status`, { status: { nominatedNodeName } });
        await patch(client, `${pods}/${podName}`, { spec: { schedulingGates: null } });
      }
      return waitUntil(
        `pod ${podName} to be assigned to a node`,
        { timeoutMs: SCHEDULED_MAX_MS },
        async () => {
          const answer = valueOf(await client.call({ method: "GET", path: `${pods}/${podName}` }, never));
          return (answer.body as { readonly spec: { readonly nodeName?: string } }).spec.nodeName;
        },
      );
    },
    isStaying: async (podName) => {
      const { code, body } = valueOf(await client.call({ method: "GET", path: `${pods}/${podName}` }, never));
      const pod = body as { readonly metadata: { readonly deletionTimestamp?: string } };
      return code === 200 && pod.metadata.deletionTimestamp === undefined;
    },
    startScheduler: async (nodes) => {
      if (scheduler !== undefined) await kill(scheduler);
      const config = join(folder, "scheduler.yaml");
      await writeFile(
        config,
        JSON.stringify(await schedulerConfiguration(server.kubeconfigFile, endpoint, nodes)),
      );
      scheduler = startProgram(schedulerProgram, [`--config=${config}`, "--secure-port=0"]);
    },
    killExtender: () => kill(extender),
    close,
  };
}

function ownedBy(owner: Owner): object {
  return { ...owner, name: "owner", uid: "uid-of-owner", controller: true };
}

/** The chart's scheduler configuration, for this API server and this extender. */
async function schedulerConfiguration(
  kubeconfig: string,
  endpoint: string,
  nodes: "names" | "full",
): Promise<object> {
  const manifests = await renderChart({});
  const map = manifests.find(({ kind, metadata }) => kind === "ConfigMap" && metadata.name === SCHEDULER);
  const { data } = map as unknown as { readonly data: { readonly "config.yaml": string } };
  const shipped = parse(data["config.yaml"]) as { readonly extenders: readonly [object] };
  return {
    ...shipped,
    clientConnection: { kubeconfig },
    leaderElection: { leaderElect: false },
    extenders: [
      {
        ...shipped.extenders[0],
        urlPrefix: `http://${endpoint}`,
        nodeCacheCapable: nodes === "names",
        // Much longer than usual: on a busy machine the test must not continue without the extender.
        httpTimeout: "30s",
      },
    ],
  };
}

async function registerPlugIn(
  store: ObjectStore,
  { nodeName, zone }: { readonly nodeName: string; readonly zone: string },
  isReady: boolean,
): Promise<void> {
  const made = valueOf(
    await store.create("AzDriverNode", { metadata: { name: nodeName }, spec: { nodeName } }, never),
  );
  const { status } = aDriverNode(nodeName, {
    readyForVolumeAllocation: isReady,
    zone,
    instanceUri: `/virtualMachines/${nodeName}`,
  });
  valueOf(await store.updateStatus("AzDriverNode", { ...made, status }, never));
}

interface PlacedDisk {
  readonly diskUri: string;
  readonly volumeName: string;
  readonly nodeName: string;
}

/** A volume of the disk, in no zone unless one is given; a node that is given holds it as its writer. */
async function recordVolume(
  store: ObjectStore,
  {
    diskUri,
    volumeName,
    zone,
    writerNode,
  }: Omit<PlacedDisk, "nodeName"> & {
    readonly zone?: string;
    readonly writerNode?: string;
  },
): Promise<void> {
  const disk = { skuName: "Premium_LRS", sizeGiB: 1, maxShares: 3 };
  const made = valueOf(
    await store.create(
      "AzVolume",
      {
        metadata: { name: volumeName },
        spec: {
          volumeName,
          capabilities: [{ accessMode: "SINGLE_NODE_WRITER", accessType: "mount" }],
          disk: { ...disk, tags: {} },
          maxMountReplicaCount: 2,
          volumeContext: {},
          deleteRequested: false,
        },
      },
      never,
    ),
  );
  const writer = writerNode === undefined ? {} : { writer: holding(writerNode) };
  const status = {
    state: "Created",
    observedGeneration: 1,
    conditions: [],
    detail: { ...disk, diskUri, location: "eastus", zones: zone === undefined ? [] : [zone] },
    record: aRecord(writer),
  } as const;
  valueOf(await store.updateStatus("AzVolume", { ...made, status }, never));
}

function holding(nodeName: string): NonNullable<WriterRecord["writer"]> {
  return {
    nodeName,
    vmId: `vm-of-${nodeName}`,
    instanceUri: `/virtualMachines/${nodeName}`,
    epoch: 1,
    held: true,
    requested: true,
  };
}

async function attach(
  store: ObjectStore,
  { diskUri, volumeName, nodeName, role }: PlacedDisk & { readonly role: "Primary" | "Replica" },
): Promise<void> {
  const spec = {
    volumeName,
    volumeId: diskUri,
    nodeName,
    role,
    ...(role === "Primary" ? { writerRequest: { since: "2026-01-01T00:00:00.000Z" } } : {}),
    readOnly: false,
    volumeContext: {},
  } as const;
  const made = valueOf(
    await store.create(
      "AzVolumeAttachment",
      { metadata: { name: attachmentObjectName({ diskUri, nodeName }) }, spec },
      never,
    ),
  );
  const status = {
    state: "Attached",
    role,
    vmId: `vm-of-${nodeName}`,
    instanceUri: `/virtualMachines/${nodeName}`,
    lun: 0,
  } as const;
  valueOf(await store.updateStatus("AzVolumeAttachment", { ...made, status }, never));
}

/** The extender learns of new objects by its watches, which must precede the scheduler. */
async function untilKnown(
  endpoint: string,
  claim: {
    readonly claimName: string;
    readonly attachedTo: readonly string[];
    readonly readyNode: string | undefined;
    readonly writerNode: string | undefined;
    /** The node that the claim's pods are kept off. Default: one that has no plug-in. */
    readonly refusedNode?: string | undefined;
  },
): Promise<void> {
  const unknown = "node-unknown";
  const { claimName, attachedTo, readyNode = "", writerNode, refusedNode = unknown } = claim;
  const pod = {
    metadata: { namespace: NAMESPACE },
    spec: { volumes: [{ persistentVolumeClaim: { claimName } }] },
  };
  const body = JSON.stringify({ Pod: pod, NodeNames: [unknown, readyNode, ...attachedTo] });
  const ask = async (verb: string): Promise<unknown> =>
    (await fetch(`http://${endpoint}/${verb}`, { method: "POST", body })).json();
  await waitUntil(`the extender to know claim ${claimName}`, { timeoutMs: READY_MAX_MS }, async () => {
    // Without a volume of the driver, an unknown node would pass.
    const { FailedAndUnresolvableNodes } = (await ask("filter")) as {
      readonly FailedAndUnresolvableNodes: object;
    };
    const scores = (await ask("prioritize")) as readonly { readonly Host: string; readonly Score: number }[];
    const isAttached = attachedTo.every((nodeName) =>
      scores.some(
        ({ Host, Score }) => Host === nodeName && Score > (nodeName === writerNode ? SCORE_MAX / 2 : 0),
      ),
    );
    return refusedNode in FailedAndUnresolvableNodes && isAttached ? true : undefined;
  });
}

async function create(
  client: ApiClient,
  path: string,
  body: object,
): Promise<{ readonly metadata: { readonly uid: string } }> {
  const answer = valueOf(await client.call({ method: "POST", path, body }, never));
  if (answer.code !== 201) throw new Error(`POST ${path}: ${JSON.stringify(answer.body)}`);
  return answer.body as { readonly metadata: { readonly uid: string } };
}

async function patch(client: ApiClient, path: string, body: object): Promise<void> {
  const answer = valueOf(
    await client.call({ method: "PATCH", path, body, contentType: "application/merge-patch+json" }, never),
  );
  if (answer.code !== 200) throw new Error(`PATCH ${path}: ${JSON.stringify(answer.body)}`);
}

/** A program that dies with this process in any case. */
function startProgram(file: string, args: readonly string[]) {
  return spawn("setpriv", ["--pdeathsig", "KILL", file, ...args], { stdio: ["ignore", "pipe", "ignore"] });
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "close");
  child.stdout?.resume();
  child.kill("SIGKILL");
  await ended;
}
