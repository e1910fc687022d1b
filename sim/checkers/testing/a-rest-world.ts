import type { ModelDisk } from "../../../src/adapters/model-host/model-disk.ts";
import type { AzVolumeAttachment } from "../../../src/core/api/az-volume-attachment.ts";
import type { AzVolume } from "../../../src/core/api/az-volume.ts";
import { CONTROLLER_LEASE, type Lease, STORE_INCARNATION_ANNOTATION } from "../../../src/core/api/lease.ts";
import type { SimNode, SimPod } from "../../kubernetes/sim-cluster.ts";
import type { DesiredVolume } from "../rest/desired-volume.ts";
import type { RestWorld } from "../rest/rest-world.ts";
import { aMachine, aVolume, aWriter, diskUri, instanceUriOf } from "./a-history.ts";

const GIB = 1_073_741_824n;
/** Data disks per VM. */
const SLOTS = 2;

/** The content of a test world; a test changes what it is about. */
export interface MadeUpRest {
  volumes: AzVolume[];
  attachments: AzVolumeAttachment[];
  pods: SimPod[];
  nodes: SimNode[];
  containers: { readonly nodeName: string; readonly podUid: string; readonly volumeName: string }[];
  disk: Partial<ModelDisk> | undefined;
  skuName: "Premium_LRS" | "Premium_ZRS";
  /** The disk's zone; empty: none. */
  zone: string;
  /** The zones of VMs that are not in zone 1; empty: none. */
  otherZones: Readonly<Record<string, string>>;
  networkAccessPolicy: "AllowAll" | "DenyAll";
  /** The disk's. */
  tags: Readonly<Record<string, string>>;
  /** VMs that exist though other VMs have their nodes' names, and whether they have the disk at LUN 0. */
  kept: { readonly nodeName: string; readonly vmGuid: string; readonly hasDisk: boolean }[];
  /** Names of the VMs that have the disk at LUN 0. */
  attachedTo: string[];
  /** Names of the VMs whose slots are all used by other volumes. */
  fullOfOthers: string[];
  /** Names of those among them from which a detach of it has failed. */
  detachFailedOn: string[];
  /** Names of the machines that have it mounted. */
  mountedOn: string[];
  /** Names of the machines that have a placeholder mount in its place. */
  placeholdersOn: string[];
  /** Resource ids of another cluster's VMs and disks. */
  others: string[];
  storeIncarnation: number;
}

/** `vol-1` runs on node-a and has a replica on node-b. */
export function atRest(): MadeUpRest {
  return {
    volumes: [aVolume({ writer: aWriter("node-a", 3), epoch: 3 })],
    attachments: [anAttachment("node-a", "Primary"), anAttachment("node-b", "Replica")],
    pods: [
      {
        name: "vol-1-0",
        uid: "pod-1",
        volumeName: "vol-1",
        nodeName: "node-a",
        phase: "Running",
        isReady: true,
        isDeleted: false,
      },
    ],
    nodes: ["node-a", "node-b", "node-c"].map((name) => ({
      name,
      uid: `uid-of-${name}`,
      instanceUri: instanceUriOf(name),
      isReady: true,
      isUnschedulable: false,
      isOutOfService: false,
      isMarkedByDriver: false,
      volumesMax: SLOTS,
    })),
    containers: [{ nodeName: "node-a", podUid: "pod-1", volumeName: "vol-1" }],
    disk: { sizeBytes: 4n * GIB, fileSystemBytes: 4n * GIB },
    skuName: "Premium_LRS",
    zone: "1",
    otherZones: {},
    networkAccessPolicy: "DenyAll",
    tags: {},
    kept: [],
    attachedTo: ["node-a", "node-b"],
    fullOfOthers: [],
    detachFailedOn: [],
    mountedOn: ["node-a"],
    placeholdersOn: [],
    others: [],
    storeIncarnation: 0,
  };
}

/** What its user requests of `vol-1`. */
export const desired: DesiredVolume = {
  volumeName: "vol-1",
  exists: true,
  sizeGiB: 4,
  volumeClass: undefined,
  pods: 1,
  members: 1,
  replicas: 1,
  access: "mount",
  source: undefined,
  isDestroyed: false,
  isOfFault: false,
};

/** A completed attachment of `vol-1`. */
export function anAttachment(nodeName: string, role: "Primary" | "Replica"): AzVolumeAttachment {
  return {
    metadata: {
      name: `vol-1-${nodeName}`,
      uid: `uid-${nodeName}`,
      resourceVersion: "1",
      generation: 1,
      creationTimestamp: "2026-01-01T00:00:00Z",
    },
    spec: {
      volumeName: "vol-1",
      volumeId: diskUri,
      nodeName,
      role,
      readOnly: false,
      volumeContext: {},
      ...(role === "Primary" ? { writerRequest: { since: "2026-01-01T00:00:00Z" } } : {}),
    },
    status: {
      state: "Attached",
      role,
      vmId: `guid-${nodeName}`,
      instanceUri: instanceUriOf(nodeName),
      lun: 0,
    },
  };
}

function aLease({ storeIncarnation }: MadeUpRest): Pick<Lease, "metadata"> {
  const annotations = { [STORE_INCARNATION_ANNOTATION]: String(storeIncarnation) };
  const metadata = { uid: "lease", resourceVersion: "1", generation: 1, creationTimestamp: "" };
  return { metadata: { ...metadata, name: CONTROLLER_LEASE, annotations } };
}

/** The test world as checkers see it. */
export function asWorld(made: MadeUpRest): RestWorld {
  const zonesOf = (zone: string): readonly string[] => (zone === "" ? [] : [zone]);
  const vms = made.nodes.map(({ name }) => ({
    id: instanceUriOf(name),
    name,
    vmGuid: `guid-${name}`,
    zones: zonesOf(made.otherZones[name] ?? "1"),
    size: { dataDisksMax: SLOTS },
    dataDisks: [
      ...(made.attachedTo.includes(name)
        ? [
            {
              lun: 0,
              diskId: diskUri,
              phase: made.detachFailedOn.includes(name) ? "DetachFailed" : "Attached",
            },
          ]
        : []),
      ...(made.fullOfOthers.includes(name)
        ? [0, 1].map((lun) => ({ lun, diskId: `${diskUri}-other-${lun}`, phase: "Attached" }))
        : []),
    ],
  }));
  const kept = made.kept.map(({ nodeName, vmGuid, hasDisk }) => ({
    ...{
      id: `${instanceUriOf(nodeName)}-earlier`,
      name: `flex_${nodeName}`,
      vmGuid,
      size: { dataDisksMax: SLOTS },
    },
    dataDisks: hasDisk ? [{ lun: 0, diskId: diskUri, phase: "Attached" }] : [],
  }));
  const spec = {
    sku: { name: made.skuName, zoneRedundant: made.skuName === "Premium_ZRS" },
    networkAccessPolicy: made.networkAccessPolicy,
    publicNetworkAccess: "Enabled",
    tags: made.tags,
  };
  const aDisk = { id: diskUri, spec, zones: made.skuName === "Premium_ZRS" ? [] : zonesOf(made.zone) };
  const world = {
    store: {
      objects: (kind: string) =>
        ({ AzVolume: made.volumes, AzVolumeAttachment: made.attachments, Lease: [aLease(made)] })[kind] ?? [],
    },
    azure: {
      vmOf: (nodeName: string) => vms.find(({ name }) => name === nodeName),
      machineOf: (nodeName: string) => {
        const { machine } = aMachine(nodeName);
        const mounts = made.mountedOn.includes(nodeName)
          ? [{ path: "/staging", diskUri, readOnly: false, canWrite: true }]
          : [];
        const placeholders = made.placeholdersOn.includes(nodeName) ? ["/target"] : [];
        return {
          ...machine,
          kernel: { ...machine.kernel, mounts: () => mounts, placeholders: () => placeholders },
        };
      },
      diskOf: () => made.disk,
      isOthers: (resourceUri: string) => made.others.includes(resourceUri),
      model: {
        world: {
          disks: new Map(made.disk === undefined ? [] : [[diskUri, aDisk]]),
          virtualMachines: new Map([...vms, ...kept].map((vm) => [vm.id, vm])),
        },
      },
    },
    cluster: {
      pods: () => made.pods,
      nodes: () => made.nodes,
      volumeAttachments: () => [],
      diskUriOf: (volumeName: string) =>
        volumeName === "vol-1" && made.disk !== undefined ? diskUri : undefined,
      containersOn: (nodeName: string) =>
        made.containers
          .filter((container) => container.nodeName === nodeName)
          .map((container) => ({ ...container, isInApi: true })),
    },
  };
  // Checkers read nothing else.
  return world as unknown as RestWorld;
}
