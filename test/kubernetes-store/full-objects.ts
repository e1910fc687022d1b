import { claimLabels } from "../../src/core/api/claim-labels.ts";
import { identity } from "../../src/core/testing/objects.ts";
import type { KindMap, NewObject } from "../../src/ports/store/object-store.ts";

const TIME = "2026-01-01T00:00:00.000Z";
const NODE = { ...identity("node-a"), vmId: "00000000-0000-0000-0000-00000000000a" };
const COMPUTE = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Compute";
const DISK = `${COMPUTE}/disks/pvc-1`;
const CONDITIONS = [
  {
    type: "FailoverReady",
    status: "True",
    reason: "ReplicasAttached",
    message: "2 replicas",
    lastTransitionTime: TIME,
  },
] as const;
const ERROR = { kind: "Throttled", message: "later", failure: "{}", time: TIME, retries: 2 };

type Full<K extends "AzVolume" | "AzVolumeAttachment" | "AzDriverNode"> = NewObject<K> & {
  readonly status: NonNullable<KindMap[K]["status"]>;
};

/** An AzVolume with every field. */
export const fullVolume: Full<"AzVolume"> = {
  metadata: { name: "pvc-1", labels: claimLabels({ namespace: "shop", name: "data" }) },
  spec: {
    volumeName: "pvc-1",
    capabilities: [
      { accessMode: "SINGLE_NODE_WRITER", accessType: "mount", fsType: "ext4", mountFlags: ["noatime"] },
    ],
    disk: {
      skuName: "Premium_LRS",
      sizeGiB: 10,
      maxShares: 3,
      location: "eastus",
      zone: "1",
      resourceGroup: "rg",
      sourceUri: DISK.replace("/disks/", "/snapshots/"),
      tags: { "k8s-azure-created-by": "kubernetes-azure-dd" },
      diskIOPSReadWrite: 4000,
      diskMBpsReadWrite: 200,
      logicalSectorSize: 512,
      burstingEnabled: true,
      performancePlus: true,
      userAgent: "pid-1",
      optimizedForFrequentAttach: true,
      subscriptionId: "s",
      diskName: "pvc-1",
      networkAccessPolicy: "AllowPrivate",
      publicNetworkAccess: "Disabled",
      diskAccessId: `${COMPUTE}/diskAccesses/access`,
      diskEncryptionSetId: `${COMPUTE}/diskEncryptionSets/keys`,
      encryptionType: "EncryptionAtRestWithCustomerKey",
    },
    modification: {
      skuName: "PremiumV2_LRS",
      diskIOPSReadWrite: 5000,
      diskMBpsReadWrite: 200,
      networkAccessPolicy: "DenyAll",
      publicNetworkAccess: "Disabled",
      tags: { team: "storage" },
    },
    cachingMode: "None",
    writeAcceleratorEnabled: true,
    fsType: "ext4",
    maxMountReplicaCount: 2,
    volumeContext: { skuName: "Premium_LRS" },
    diskUri: DISK,
    deleteRequested: false,
  },
  status: {
    state: "Created",
    observedGeneration: 1,
    detail: {
      diskUri: DISK,
      uniqueId: "8d0f",
      timeCreated: "2026-01-01T12:00:00.1234567+00:00",
      sizeGiB: 10,
      maxShares: 3,
      skuName: "Premium_LRS",
      location: "eastus",
      zones: ["1"],
      burstingEnabled: true,
      unconfirmedGiB: 20,
      formatted: { fsType: "ext4", nodeName: "node-a", time: TIME, uuid: "0a" },
    },
    modification: {
      requested: { skuName: "PremiumV2_LRS" },
      observedGeneration: 1,
      error: ERROR,
    },
    recentModification: {
      made: { skuName: "Premium_LRS", tags: { a: "b" } },
      endTime: TIME,
      storeIncarnation: 0,
    },
    conversion: { percent: 40, since: TIME, readTime: TIME },
    record: {
      writer: { ...NODE, epoch: 4, held: true, requested: true },
      fencing: NODE,
      nodes: [
        { ...NODE, access: "unverified", unconfirmed: true, barrierPending: true },
        { ...NODE, vmId: "of-another", access: "quarantined" },
      ],
      defaultAccess: "clean",
      epoch: 4,
      storeIncarnation: 0,
    },
    error: ERROR,
    conditions: CONDITIONS,
  },
};

/** An AzVolumeAttachment with every field. */
export const fullAttachment: Full<"AzVolumeAttachment"> = {
  metadata: { name: "pvc-1-node-a" },
  spec: {
    volumeName: "pvc-1",
    volumeId: DISK,
    nodeName: "node-a",
    role: "Primary",
    writerRequest: { since: TIME },
    readOnly: false,
    volumeContext: { skuName: "Premium_LRS" },
    recall: { id: "r1", since: TIME },
  },
  status: {
    state: "Attached",
    role: "Primary",
    attempt: "a1",
    vmId: NODE.vmId,
    instanceUri: NODE.instanceUri,
    lun: 3,
    listed: { lun: 3, storeIncarnation: 1, time: TIME },
    recall: { id: "r1", published: ["/target"], unmounting: true, progress: "17", time: TIME },
    deviceMissing: false,
    mountProblems: [{ reason: "MountDead", epoch: 3, since: TIME, detail: "its device is gone" }],
    mountProblemsShown: [{ reason: "MountDead", epoch: 3, since: TIME, time: TIME }],
    error: ERROR,
  },
};

/** An AzDriverNode with every field. */
export const fullDriverNode: Full<"AzDriverNode"> = {
  metadata: { name: "node-a" },
  spec: { nodeName: "node-a" },
  status: {
    lastHeartbeatTime: TIME,
    heartbeat: 7,
    readyForVolumeAllocation: true,
    statusMessage: "",
    conditions: [{ ...CONDITIONS[0], type: "Ready" }],
    maxVolumes: 16,
    location: "eastus",
    driverVersion: "0.1.0",
    zone: "1",
    busType: "SCSI",
    vmId: NODE.vmId,
    instanceUri: NODE.instanceUri,
    volumes: [{ volumeName: "pvc-1", uid: "u", epoch: 4 }],
  },
};
