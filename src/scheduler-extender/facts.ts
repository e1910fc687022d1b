import { type AzDriverNode, heartbeatOf } from "../core/api/az-driver-node.ts";
import type { AzVolumeAttachment } from "../core/api/az-volume-attachment.ts";
import type { AzVolume, WriterRecord } from "../core/api/az-volume.ts";
import { defaultDriverName } from "../core/api/driver-name.ts";
import { diskUriOf } from "../core/api/identity/disk-uri-of.ts";
import type { NodeKey } from "../core/api/identity/node-identity.ts";
import { isAttached, isPrimaryOrRequested } from "../core/attachment/attachment-state.ts";
import { isTerminating } from "../core/attachment/observed-volume.ts";
import { holdsSlot } from "../core/attachment/takes-disk.ts";
import { resourceUriKey } from "../core/azure/ids/disk-uri.ts";
import { type Platform, platformOf } from "../core/platform/platform.ts";
import type { PodVolumeAttachment } from "../core/schedule/pod-volume.ts";
import type { DiskTopology } from "../core/schedule/why-unreachable.ts";
import { isSingleWriter } from "../core/volume/access-modes.ts";
import { statedIn } from "../core/volume/parameters/parameter-value.ts";
import { volumeParameterTable } from "../core/volume/parameters/volume-parameter-table.ts";
import { nodesIn } from "../core/writer/record/record-nodes.ts";
import type { SourceObject } from "../ports/store/source.ts";

/** How classes name Kubernetes' former in-tree driver. */
const IN_TREE_PROVISIONER = "kubernetes.io/azure-disk";

/** How old manifests name a claim's class; Kubernetes lets it win over `storageClassName`. */
const CLASS_ANNOTATION = "volume.beta.kubernetes.io/storage-class";

/** Where external-provisioner reads the file system of a class's volumes. */
const CSI_FS_TYPE = "csi.storage.k8s.io/fstype";

const defaultSkuName = volumeParameterTable.skuName.default;

/** Most volumes exclude no node: they share one list. */
const NO_NODES: readonly NodeKey[] = [];

/**
 * What is kept of an AzVolume. A cluster has thousands of these, so each keeps only what placing a pod
 * needs.
 */
export interface VolumeFacts extends SourceObject {
  /** As `resourceUriKey` writes it; empty before it is known. */
  readonly diskKey: string;
  readonly disk: DiskTopology | undefined;
  readonly barred: readonly NodeKey[];
  readonly isSingleWriter: boolean;
  readonly writer: NodeKey | undefined;
}

export interface AttachmentFacts extends SourceObject, PodVolumeAttachment {
  readonly diskKey: string;
  readonly nodeName: string;
}

/** What is kept of an AzDriverNode, whose name is the node's. */
export interface NodeFacts extends SourceObject {
  readonly isReady: boolean;
  /** See `heartbeatOf`. */
  readonly heartbeat: string;
  readonly heartbeatDelayMs: number | undefined;
  readonly vmId: string;
  readonly location: string;
  readonly zone: string;
  readonly platform: Platform;
  readonly volumesMax: number;
}

/** What is kept of a PersistentVolumeClaim. */
export interface ClaimFacts extends SourceObject {
  /** Name of the PersistentVolume; empty while it is unbound. */
  readonly volumeName: string;
  /** Empty where it names none. */
  readonly className: string;
  /** The claim whose volume its own is to be a copy of, as `<namespace>/<name>`; empty: none. */
  readonly sourceClaim: string;
  /** A VolumeAttributesClass may state another SKU than its StorageClass. */
  readonly hasAttributesClass: boolean;
  /** Pods use it as a raw device. */
  readonly isBlock: boolean;
}

export interface PersistentVolumeFacts extends SourceObject {
  /** Empty for a volume that is not the driver's. */
  readonly diskKey: string;
}

export interface StorageClassFacts extends SourceObject {
  /** Whether its volumes are the driver's. */
  readonly isOurs: boolean;
  /** Of its volumes' disks. */
  readonly skuName: string;
  /** The platform that mounts its volumes. */
  readonly platform: Platform;
}

/** A PersistentVolumeClaim (core/v1), as far as it is read. */
export interface WireClaim extends SourceObject {
  readonly metadata: SourceObject["metadata"] & {
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec?: {
    readonly volumeName?: string;
    readonly storageClassName?: string;
    readonly volumeAttributesClassName?: string;
    readonly volumeMode?: string;
    readonly dataSource?: WireDataSource | null;
    readonly dataSourceRef?: WireDataSource | null;
  };
}

/** What a claim is to be filled from. Kubernetes keeps both fields equal where a claim could state either. */
interface WireDataSource {
  readonly apiGroup?: string | null;
  readonly kind?: string;
  readonly name?: string;
  /** Only in `dataSourceRef`. */
  readonly namespace?: string | null;
}

/** A StorageClass (storage.k8s.io/v1), as far as it is read. */
export interface WireStorageClass extends SourceObject {
  readonly provisioner?: string;
  readonly parameters?: Readonly<Record<string, string>>;
}

export function volumeFacts(volume: AzVolume): VolumeFacts {
  const { detail, record } = volume.status ?? {};
  const barred = nodesIn(record, "fenced", "fencing");
  return {
    metadata: ownMetadata(volume),
    diskKey: resourceUriKey(diskUriOf(volume) ?? ""),
    disk:
      detail === undefined
        ? undefined
        : {
            location: detail.location,
            skuName: detail.skuName,
            zones: detail.zones,
            platform: platformOf(volume.spec),
          },
    barred: barred.length === 0 ? NO_NODES : barred,
    isSingleWriter: isSingleWriter(volume.spec.capabilities),
    writer: requestedWriter(record),
  };
}

function requestedWriter(record: WriterRecord | undefined): NodeKey | undefined {
  if (record?.writer?.requested !== true) return undefined;
  const { nodeName, vmId } = record.writer;
  return { nodeName, vmId };
}

export function attachmentFacts(attachment: AzVolumeAttachment): AttachmentFacts {
  const { spec, status } = attachment;
  return {
    metadata: ownMetadata(attachment),
    diskKey: resourceUriKey(spec.volumeId),
    nodeName: spec.nodeName,
    vmId: status?.vmId,
    isAttached: isAttached(attachment) && !isTerminating(attachment),
    holdsSlot: holdsSlot(attachment),
    isFirm: isPrimaryOrRequested(attachment),
  };
}

export function nodeFacts(node: AzDriverNode): NodeFacts {
  const { status } = node;
  return {
    metadata: ownMetadata(node),
    isReady: status?.readyForVolumeAllocation === true && node.metadata.deletionTimestamp === undefined,
    heartbeat: heartbeatOf(node),
    heartbeatDelayMs: status?.heartbeatDelayMs,
    vmId: status?.vmId ?? "",
    location: status?.location ?? "",
    zone: status?.zone ?? "",
    platform: status?.platform ?? "linux",
    volumesMax: status?.maxVolumes ?? 0,
  };
}

export function claimFacts({ metadata, spec }: WireClaim): ClaimFacts {
  const { name, namespace, resourceVersion } = metadata;
  return {
    metadata: { name, resourceVersion, ...(namespace === undefined ? {} : { namespace }) },
    volumeName: spec?.volumeName ?? "",
    className: metadata.annotations?.[CLASS_ANNOTATION] ?? spec?.storageClassName ?? "",
    sourceClaim: sourceClaimOf(spec?.dataSourceRef ?? spec?.dataSource, namespace),
    hasAttributesClass: (spec?.volumeAttributesClassName ?? "") !== "",
    isBlock: spec?.volumeMode === "Block",
  };
}

/** A claim has no API group: one of that kind in another group is not Kubernetes' own. */
function sourceClaimOf(source: WireDataSource | null | undefined, ownNamespace = ""): string {
  const { apiGroup, kind, name = "" } = source ?? {};
  if (kind !== "PersistentVolumeClaim" || (apiGroup ?? "") !== "" || name === "") return "";
  const namespace = source?.namespace ?? "";
  return `${namespace === "" ? ownNamespace : namespace}/${name}`;
}

/** What placing a pod needs of a PersistentVolume: the URI of its disk, if it is the driver's. */
export function persistentVolumeFacts(
  volume: SourceObject,
  diskUri: string | undefined,
): PersistentVolumeFacts {
  return { metadata: ownMetadata(volume), diskKey: resourceUriKey(diskUri ?? "") };
}

export function storageClassFacts(storageClass: WireStorageClass, driverName: string): StorageClassFacts {
  const { provisioner, parameters = {} } = storageClass;
  const isMigrated = provisioner === IN_TREE_PROVISIONER && driverName === defaultDriverName;
  const fsType = statedIn(parameters, "fsType") ?? statedIn(parameters, CSI_FS_TYPE) ?? "";
  return {
    metadata: ownMetadata(storageClass),
    isOurs: provisioner === driverName || isMigrated,
    skuName: statedIn(parameters, "skuName") ?? statedIn(parameters, "storageAccountType") ?? defaultSkuName,
    platform:
      platformOf({ capabilities: [{ accessType: "mount", accessMode: "SINGLE_NODE_WRITER", fsType }] }) ??
      "linux",
  };
}

/** Name and version alone: these are cluster-wide, or all of one namespace. */
function ownMetadata({ metadata: { name, resourceVersion } }: SourceObject): SourceObject["metadata"] {
  return { name, resourceVersion };
}
