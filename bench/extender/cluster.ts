import { createHash } from "node:crypto";
import { attachmentObjectName } from "../../src/core/api/object-names.ts";

/** The size of the benchmark's cluster, the same in every process. */
export const NODES = 5_000;
export const VOLUMES = 10_000;
/** Replicas of a volume, beside its primary. */
export const REPLICAS = 2;
export const NAMESPACE = "azure-disk-csi";
export const CLAIM_NAMESPACE = "default";
const CLASS = "managed-csi-replicas";
const DRIVER = "disk.csi.azure.com";
const ZONES = 3;
/** As many as the largest VMs take. */
const VOLUMES_MAX = 64;
/** One node in a hundred reports that it takes no volumes, so that the filter has something to remove. */
const NOT_READY_EVERY = 100;
const TIME = "2026-01-01T00:00:00Z";

/** A resource as the API server lists it. */
export interface Collection {
  readonly path: string;
  /** Each object in JSON. */
  readonly items: readonly string[];
}

/** A node's name, as long as those of AKS. */
export function nodeName(at: number): string {
  return `aks-nodepool1-38471562-vmss${at.toString(36).padStart(6, "0")}`;
}

/** The name of a volume's PersistentVolumeClaim. */
export function claimName(volume: number): string {
  return `data-shop-database-${volume}`;
}

/** Whether the plug-in of a node reports that it takes volumes. */
export function isReady(node: number): boolean {
  return node % NOT_READY_EVERY !== 0;
}

/** The nodes that a volume is attached to: its primary, then its replicas. */
export function nodesOf(volume: number): readonly number[] {
  const primary = (volume * 7_919) % NODES;
  return Array.from({ length: 1 + REPLICAS }, (_, at) => (primary + at * 1_667) % NODES);
}

/**
 * Everything that the extender lists and watches, by path. Objects are as large as in a real cluster:
 * metadata, field managers, status.
 */
export function collections(): readonly Collection[] {
  const volumes = Array.from({ length: VOLUMES }, (_, volume) => volume);
  const nodes = Array.from({ length: NODES }, (_, node) => node);
  const own = `/apis/disk.csi.azure.com/v1/namespaces/${NAMESPACE}`;
  return [
    { path: `${own}/azvolumes`, items: volumes.map((volume) => JSON.stringify(azVolume(volume))) },
    {
      path: `${own}/azvolumeattachments`,
      items: volumes.flatMap((volume) =>
        nodesOf(volume).map((node, at) => JSON.stringify(azVolumeAttachment(volume, node, at === 0, 1))),
      ),
    },
    { path: `${own}/azdrivernodes`, items: nodes.map((node) => JSON.stringify(azDriverNode(node, 1))) },
    { path: "/api/v1/persistentvolumeclaims", items: volumes.map((volume) => JSON.stringify(claim(volume))) },
    {
      path: "/api/v1/persistentvolumes",
      items: volumes.map((volume) => JSON.stringify(persistentVolume(volume))),
    },
    {
      path: "/apis/storage.k8s.io/v1/storageclasses",
      items: [
        JSON.stringify({
          metadata: metadata(CLASS, 1),
          provisioner: DRIVER,
          volumeBindingMode: "WaitForFirstConsumer",
        }),
      ],
    },
  ];
}

/** An AzDriverNode with a heartbeat. */
export function azDriverNode(node: number, version: number): object {
  return {
    apiVersion: "disk.csi.azure.com/v1",
    kind: "AzDriverNode",
    metadata: metadata(nodeName(node), version, NAMESPACE),
    spec: { nodeName: nodeName(node) },
    status: {
      lastHeartbeatTime: TIME,
      heartbeat: version,
      readyForVolumeAllocation: isReady(node),
      statusMessage: isReady(node) ? "" : "the node is being drained",
      conditions: [],
      maxVolumes: VOLUMES_MAX,
      location: "eastus",
      zone: String((node % ZONES) + 1),
      busType: "SCSI",
      vmId: vmId(node),
      volumes: Array.from({ length: 2 }, (_, at) => ({
        volumeName: diskName(node * 2 + at),
        uid: uid(`azv-${node}-${at}`),
        epoch: 1,
      })),
    },
  };
}

/** An AzVolumeAttachment whose disk is attached. */
export function azVolumeAttachment(
  volume: number,
  node: number,
  isPrimary: boolean,
  version: number,
): object {
  const role = isPrimary ? "Primary" : "Replica";
  return {
    apiVersion: "disk.csi.azure.com/v1",
    kind: "AzVolumeAttachment",
    metadata: {
      ...metadata(
        attachmentObjectName({ diskUri: diskUri(volume), nodeName: nodeName(node) }),
        version,
        NAMESPACE,
      ),
      labels: {
        "disk.csi.azure.com/volume-name": diskName(volume),
        "disk.csi.azure.com/node-name": nodeName(node),
        "disk.csi.azure.com/role": role,
      },
      finalizers: ["disk.csi.azure.com/azvolumeattachment"],
    },
    spec: {
      volumeName: diskName(volume),
      volumeId: diskUri(volume),
      nodeName: nodeName(node),
      role,
      readOnly: false,
      volumeContext: volumeContext(),
      ...(isPrimary ? { writerRequest: { since: TIME } } : {}),
    },
    status: {
      state: "Attached",
      role,
      vmId: vmId(node),
      lun: volume % VOLUMES_MAX,
    },
  };
}

function azVolume(volume: number): object {
  const [primary = 0] = nodesOf(volume);
  return {
    apiVersion: "disk.csi.azure.com/v1",
    kind: "AzVolume",
    metadata: { ...metadata(diskName(volume), 1, NAMESPACE), finalizers: ["disk.csi.azure.com/azvolume"] },
    spec: {
      volumeName: diskName(volume),
      capabilities: [
        { accessMode: "SINGLE_NODE_WRITER", accessType: "mount", fsType: "ext4", mountFlags: [] },
      ],
      disk: { skuName: "Premium_ZRS", sizeGiB: 256, maxShares: 1 + REPLICAS, location: "eastus", tags: {} },
      maxMountReplicaCount: REPLICAS,
      volumeContext: volumeContext(),
      deleteRequested: false,
    },
    status: {
      state: "Created",
      observedGeneration: 1,
      detail: {
        diskUri: diskUri(volume),
        sizeGiB: 256,
        maxShares: 1 + REPLICAS,
        skuName: "Premium_ZRS",
        location: "eastus",
        zones: [],
        formatted: { fsType: "ext4", nodeName: nodeName(primary), time: TIME, uuid: uid(`fs-${volume}`) },
      },
      record: {
        writer: { nodeName: nodeName(primary), vmId: vmId(primary), epoch: 1, held: true, requested: true },
        ...{ nodes: [], defaultAccess: "clean", epoch: 1, storeIncarnation: 0 },
      },
      conditions: [
        {
          type: "FailoverReady",
          status: "True",
          reason: "ReplicasAttached",
          message: "2 of 2 replicas are attached",
          lastTransitionTime: TIME,
        },
      ],
    },
  };
}

function claim(volume: number): object {
  return {
    metadata: {
      ...metadata(claimName(volume), 1, CLAIM_NAMESPACE),
      annotations: {
        "pv.kubernetes.io/bind-completed": "yes",
        "volume.kubernetes.io/storage-provisioner": DRIVER,
      },
      finalizers: ["kubernetes.io/pvc-protection"],
    },
    spec: {
      accessModes: ["ReadWriteOnce"],
      resources: { requests: { storage: "256Gi" } },
      volumeName: persistentVolumeName(volume),
      storageClassName: CLASS,
      volumeMode: "Filesystem",
    },
    status: { phase: "Bound", accessModes: ["ReadWriteOnce"], capacity: { storage: "256Gi" } },
  };
}

function persistentVolume(volume: number): object {
  return {
    metadata: {
      ...metadata(persistentVolumeName(volume), 1),
      annotations: { "pv.kubernetes.io/provisioned-by": DRIVER },
      finalizers: ["kubernetes.io/pv-protection"],
    },
    spec: {
      capacity: { storage: "256Gi" },
      csi: {
        driver: DRIVER,
        volumeHandle: diskUri(volume),
        fsType: "ext4",
        volumeAttributes: volumeContext(),
      },
      accessModes: ["ReadWriteOnce"],
      claimRef: {
        kind: "PersistentVolumeClaim",
        namespace: CLAIM_NAMESPACE,
        name: claimName(volume),
        uid: uid(`claim-${volume}`),
        apiVersion: "v1",
      },
      persistentVolumeReclaimPolicy: "Delete",
      storageClassName: CLASS,
      volumeMode: "Filesystem",
      nodeAffinity: {
        required: {
          nodeSelectorTerms: topologies().map(({ segments }) => ({
            matchExpressions: Object.entries(segments).map(([key, value]) => ({
              key,
              operator: "In",
              values: [value],
            })),
          })),
        },
      },
    },
    status: { phase: "Bound" },
  };
}

function metadata(name: string, version: number, namespace?: string): object {
  return {
    name,
    ...(namespace === undefined ? {} : { namespace }),
    uid: uid(name),
    resourceVersion: String(version),
    generation: 1,
    creationTimestamp: TIME,
    managedFields: ["azuredisk-csi-driver", "azuredisk-csi-driver"].map((manager, at) => ({
      manager,
      operation: "Update",
      apiVersion: "v1",
      time: TIME,
      fieldsType: "FieldsV1",
      fieldsV1: Object.fromEntries(
        ["metadata", "spec", "status", "labels", "state", "role"].map((field) => [
          `f:${field}`,
          { ".": {}, [`f:${field}`]: {} },
        ]),
      ),
      ...(at === 0 ? {} : { subresource: "status" }),
    })),
  };
}

function topologies(): readonly { readonly segments: Readonly<Record<string, string>> }[] {
  return ["1", "2", "3"].map((zone) => ({
    segments: { "topology.disk.csi.azure.com/zone": `eastus-${zone}` },
  }));
}

function volumeContext(): Readonly<Record<string, string>> {
  return {
    skuName: "Premium_ZRS",
    maxShares: String(1 + REPLICAS),
    cachingMode: "None",
    fsType: "ext4",
    "storage.kubernetes.io/csiProvisionerIdentity": DRIVER,
  };
}

function persistentVolumeName(volume: number): string {
  return `pvc-${uid(`claim-${volume}`)}`;
}

function diskName(volume: number): string {
  return persistentVolumeName(volume);
}

function diskUri(volume: number): string {
  return `/subscriptions/${uid("subscription")}/resourceGroups/MC_shop_cluster_eastus/providers/Microsoft.Compute/disks/${diskName(volume)}`;
}

function vmId(node: number): string {
  return uid(`vm-${node}`);
}

/** Returns the same UUID for the same text. */
function uid(text: string): string {
  return createHash("sha256")
    .update(text)
    .digest("hex")
    .slice(0, 32)
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/u, "$1-$2-$3-$4-$5");
}
