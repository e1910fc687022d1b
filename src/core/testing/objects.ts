import type { AttachmentStatus, AzVolumeAttachment } from "../api/az-volume-attachment.ts";
import type {
  AzVolume,
  DiskSpec,
  VolumeDetail,
  VolumeStatus,
  Writer,
  WriterRecord,
} from "../api/az-volume.ts";
import type { NodeIdentity } from "../api/identity/node-identity.ts";
import { attachmentObjectName } from "../api/object-names.ts";
import type {
  ObservedAttachment,
  ObservedNode,
  ObservedVolume,
  VolumeSettings,
} from "../attachment/observed-volume.ts";
import { formatDiskUri } from "../azure/ids/disk-uri.ts";
import { formatInstanceUri } from "../azure/ids/instance-uri.ts";
import { fromTimestamp, toTimestamp } from "../primitives/timestamp.ts";
import type { OrchestratorNode } from "../schedule/orchestrator-node.ts";
import { placementUnknown } from "../schedule/pod-rules.ts";
import type { VolumePod } from "../schedule/volume-pod.ts";
import { newRecord } from "../writer/record/writer-steps.ts";
import { changedRecord, type RecordChanges } from "./record-lists.ts";

/** The disk of all builders. */
export const diskUri = formatDiskUri({ subscriptionId: "sub-1", resourceGroup: "rg-1", diskName: "pvc-1" });

/** The time of every observation, in milliseconds since 1970. */
export const nowMs = fromTimestamp("2026-01-01T12:00:00.000Z");

/** The timestamp of `ms` milliseconds before the observation. */
export function agoMs(ms: number): string {
  return toTimestamp(nowMs - ms);
}

/** The default limits and waiting times. */
export const settings: VolumeSettings = {
  unpublish: "demote",
  pruneReplicasAfterMs: 300_000,
  releaseDrainedAfterMs: 30_000,
  replicaAttachTries: 3,
  heartbeatStaleMs: 35_000,
  heartbeatsPerSecond: 18,
  recallGraceMs: 1_000,
  recallAnswerMs: 5_000,
  unmountStallMs: 120_000,
  silentNodes: "wait",
  powerOffAfterMs: 30_000,
  offlineResizeMs: 600_000,
};

export function instanceUriOf(nodeName: string): string {
  return formatInstanceUri({
    subscriptionId: "sub-1",
    resourceGroup: "rg-1",
    scaleSetName: undefined,
    instanceName: `vm-${nodeName}`,
  });
}

/** The node of that name as a record names it. */
export function identity(nodeName: string): NodeIdentity {
  return { nodeName, vmId: `vm-of-${nodeName}`, instanceUri: instanceUriOf(nodeName) };
}

/** A requested writer that holds the volume. */
export function aWriter(nodeName: string, overrides: Partial<Writer> = {}): Writer {
  return { ...identity(nodeName), epoch: 1, held: true, requested: true, ...overrides };
}

/** The record of a new disk, changed. */
export function aRecord(changes: RecordChanges = {}): WriterRecord {
  return changedRecord({ ...newRecord(0), epoch: changes.writer?.epoch ?? 0 }, changes);
}

/** A managed disk of 10 GiB in zone 1 that three VMs may share. */
export function aDetail(overrides: Partial<VolumeDetail> = {}): VolumeDetail {
  return {
    diskUri,
    sizeGiB: 10,
    maxShares: 3,
    skuName: "Premium_LRS",
    location: "eastus",
    zones: ["1"],
    ...overrides,
  };
}

/** The request of such a disk. */
export function aDiskSpec(overrides: Partial<DiskSpec> = {}): DiskSpec {
  return { skuName: "Premium_LRS", sizeGiB: 10, maxShares: 3, tags: {}, ...overrides };
}

/** A volume `pvc-1` whose disk exists as requested, with room for two replicas. */
export function aVolume(
  overrides: {
    readonly metadata?: Partial<AzVolume["metadata"]>;
    readonly spec?: Partial<AzVolume["spec"]>;
    readonly status?: Partial<VolumeStatus>;
  } = {},
): AzVolume {
  const { disk = aDiskSpec() } = overrides.spec ?? {};
  return {
    metadata: {
      name: "pvc-1",
      uid: "uid-pvc-1",
      resourceVersion: "7",
      generation: 1,
      creationTimestamp: agoMs(3_600_000),
      ...overrides.metadata,
    },
    spec: {
      volumeName: "pvc-1",
      capabilities: [{ accessMode: "SINGLE_NODE_WRITER", accessType: "mount" }],
      disk,
      maxMountReplicaCount: 2,
      volumeContext: {},
      deleteRequested: false,
      ...overrides.spec,
    },
    status: {
      state: "Created",
      observedGeneration: 1,
      conditions: [],
      detail: aDetail({ maxShares: disk.maxShares }),
      record: aRecord(),
      ...overrides.status,
    },
  };
}

/**
 * The attachment of `pvc-1` to a node: attached, and Primary with a request unless it is made a Replica.
 */
export function anAttachment(
  nodeName: string,
  overrides: {
    readonly metadata?: Partial<AzVolumeAttachment["metadata"]>;
    readonly spec?: Partial<AzVolumeAttachment["spec"]>;
    readonly status?: Partial<AttachmentStatus> | undefined;
  } = {},
): AzVolumeAttachment {
  const role = overrides.spec?.role ?? "Primary";
  return {
    metadata: {
      name: attachmentName(nodeName),
      uid: `uid-${nodeName}`,
      resourceVersion: "5",
      generation: 1,
      creationTimestamp: agoMs(3_600_000),
      ...overrides.metadata,
    },
    spec: {
      volumeName: "pvc-1",
      volumeId: diskUri,
      nodeName,
      role,
      readOnly: false,
      volumeContext: {},
      ...(role === "Primary" ? { writerRequest: { since: agoMs(60_000) } } : {}),
      ...overrides.spec,
    },
    ...("status" in overrides && overrides.status === undefined
      ? {}
      : {
          status: {
            state: "Attached",
            role,
            vmId: identity(nodeName).vmId,
            instanceUri: instanceUriOf(nodeName),
            lun: 0,
            ...overrides.status,
          },
        }),
  };
}

export function aReplica(
  nodeName: string,
  overrides: Parameters<typeof anAttachment>[1] = {},
): AzVolumeAttachment {
  return anAttachment(nodeName, { ...overrides, spec: { role: "Replica", ...overrides.spec } });
}

/** An attachment that is being deleted. */
export function leaving(attachment: AzVolumeAttachment): AzVolumeAttachment {
  return { ...attachment, metadata: { ...attachment.metadata, deletionTimestamp: agoMs(1_000) } };
}

/** The name of the attachment of `pvc-1` to a node. */
export function attachmentName(nodeName: string): string {
  return attachmentObjectName({ diskUri, nodeName });
}

/** A healthy node in zone 1 with room. */
export function aNode(nodeName: string, overrides: Partial<ObservedNode> = {}): ObservedNode {
  return {
    ...identity(nodeName),
    location: "eastus",
    zone: "1",
    isReady: true,
    isGone: false,
    isUnschedulable: false,
    isOutOfService: false,
    labels: {},
    taints: [],
    heartbeatUnchangedMs: 1_000,
    volumesMax: 8,
    attachments: 0,
    isShortOfSlots: false,
    isQuarantined: false,
    ...overrides,
  };
}

/** An orchestrator's view of a node that it says nothing bad of. */
export function anOrchestratorNode(overrides: Partial<OrchestratorNode> = {}): OrchestratorNode {
  return {
    isGone: false,
    isOutOfService: false,
    isUnschedulable: false,
    labels: {},
    taints: [],
    ...overrides,
  };
}

/** A pod that waits on node-b, changed. */
export function aPod(overrides: Partial<VolumePod> = {}): VolumePod {
  return { name: "default/db-0", nodeName: "node-b", isPending: true, isTerminating: false, ...overrides };
}

/** The `unchangedMs` of an attachment where a test does not state it. */
const UNCHANGED_MS = 1_000;

/** A volume with its attachments and nodes `node-a` to `node-d`, unless a test names others. */
export function anObservedVolume(
  overrides: Omit<Partial<ObservedVolume>, "attachments" | "nodes" | "node"> & {
    readonly attachments?: readonly (AzVolumeAttachment | ObservedAttachment)[];
    readonly nodes?: readonly ObservedNode[] | ObservedVolume["nodes"];
  } = {},
): ObservedVolume {
  const attachments = (overrides.attachments ?? []).map((observed) =>
    "attachment" in observed
      ? observed
      : { attachment: observed, unchangedMs: UNCHANGED_MS, watchedUnchangedMs: UNCHANGED_MS },
  );
  const given =
    overrides.nodes ?? ["node-a", "node-b", "node-c", "node-d"].map((nodeName) => aNode(nodeName));
  const nodes = typeof given === "function" ? given() : given;
  return {
    volume: aVolume(),
    unchangedMs: 60_000,
    orchestratorNode: (nodeName) => nodes.find((node) => node.nodeName === nodeName) ?? anOrchestratorNode(),
    unregisteredMs: (nodeName) => (nodes.some((node) => node.nodeName === nodeName) ? 0 : nowMs),
    unschedulableMs: () => 0,
    hasUser: () => true,
    writerUse: { kind: "unknown" },
    pods: () => [],
    placement: () => placementUnknown,
    placementOn: () => placementUnknown,
    companionCounts: () => new Map(),
    nowMs,
    settings,
    ...overrides,
    nodes: () => nodes,
    node: (nodeName) => nodes.find((node) => node.nodeName === nodeName),
    attachments: attachments.toSorted((left, right) =>
      left.attachment.metadata.name < right.attachment.metadata.name ? -1 : 1,
    ),
  };
}

/** An attachment that has been unchanged for a while. */
export function unchangedFor(ms: number, attachment: AzVolumeAttachment): ObservedAttachment {
  return { attachment, unchangedMs: ms, watchedUnchangedMs: ms };
}

/** `pvc-1` with a record. */
export function aVolumeWithRecord(record: RecordChanges, spec: Partial<AzVolume["spec"]> = {}): AzVolume {
  return aVolume({ spec, status: { record: aRecord(record) } });
}
