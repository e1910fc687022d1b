import type { VolumeCapability } from "../../../core/api/az-volume.ts";
import { parseDiskUri } from "../../../core/azure/ids/disk-uri.ts";
import type { NodeSelectorTerm } from "../../../core/schedule/pod-rules.ts";
import type { AccessMode } from "../../../core/volume/access-mode.ts";
import type { ClusterVolume } from "../../../ports/cluster/cluster-volumes.ts";
import type { ApiObject } from "../api/api-object.ts";
import { readNodeTerms, type WireNodeTerm } from "./core-pod-rules.ts";
import type { Pool } from "./core-pools.ts";

/** core/v1 PersistentVolumeSpec, as far as the driver reads it. */
export interface PersistentVolumeSpec {
  readonly csi?: {
    readonly driver: string;
    readonly volumeHandle: string;
    readonly fsType?: string;
    readonly readOnly?: boolean;
    readonly volumeAttributes?: Readonly<Record<string, string>> | null;
  };
  readonly azureDisk?: {
    readonly diskURI: string;
    readonly kind?: string;
    readonly cachingMode?: string;
    readonly fsType?: string;
    readonly readOnly?: boolean;
  };
  readonly claimRef?: { readonly namespace?: string; readonly name?: string; readonly uid?: string };
  readonly accessModes?: readonly string[] | null;
  readonly volumeMode?: string;
  readonly mountOptions?: readonly string[] | null;
  readonly nodeAffinity?: {
    readonly required?: { readonly nodeSelectorTerms?: readonly WireNodeTerm[] | null } | null;
  } | null;
}

/** core/v1 PersistentVolume, as far as the driver reads it. */
export interface PersistentVolume extends ApiObject {
  readonly spec: PersistentVolumeSpec;
  readonly status?: { readonly phase?: string };
}

export interface ClusterPersistentVolume {
  readonly metadata: { readonly name: string; readonly uid: string; readonly resourceVersion: string };
  /** Undefined: it is another driver's. */
  readonly volume: ClusterVolume | undefined;
  /** See `namedDiskOf`. */
  readonly namedDisk: NamedDisk | undefined;
  /** Alternatives; undefined: the volume can be used on every node, or the affinity is not kept. */
  readonly nodeAffinity: readonly NodeSelectorTerm[] | undefined;
  /** Its claim is gone, though it still names it: it is kept (Retain), or could not be deleted. */
  readonly isReleased: boolean;
  /** An attacher's finalizer keeps it until it has no attachment. */
  readonly isKeptByAttacher: boolean;
}

/** What is kept of a PersistentVolume; `pooled` returns the same object for equal affinities. */
export function readClusterPersistentVolume(
  { metadata, spec, status }: PersistentVolume,
  driverName: string,
  pooled: Pool<readonly NodeSelectorTerm[]> = (terms) => terms,
): ClusterPersistentVolume {
  const { name, uid, resourceVersion, finalizers = [] } = metadata;
  const isKeptByAttacher = finalizers.includes(attacherFinalizer(driverName));
  return {
    metadata: { name, uid, resourceVersion },
    volume: clusterVolumeOf(name, spec, driverName),
    namedDisk: namedDiskOf(spec, driverName),
    nodeAffinity: nodeAffinityOf(spec, pooled),
    isReleased: status?.phase === "Released" || status?.phase === "Failed",
    isKeptByAttacher,
  };
}

/** The most values that are kept of one affinity: provisioners state a node, or one value for each zone. */
const AFFINITY_VALUES_MAX = 1_000;

/** Any user of Kubernetes with the right to make PersistentVolumes writes it: a larger one is no rule. */
function nodeAffinityOf(
  { nodeAffinity }: PersistentVolumeSpec,
  pooled: Pool<readonly NodeSelectorTerm[]>,
): readonly NodeSelectorTerm[] | undefined {
  const required = nodeAffinity?.required;
  if (required === undefined || required === null) return undefined;
  const terms = readNodeTerms(required.nodeSelectorTerms);
  const size = terms
    .flatMap(({ matchExpressions, matchFields }) => [...matchExpressions, ...matchFields])
    .reduce((sum, { values }) => sum + 1 + values.length, terms.length);
  return size > AFFINITY_VALUES_MAX ? undefined : pooled(terms);
}

/** A disk, and the claim that it is bound to. */
type NamedDisk = Pick<ClusterVolume, "volumeId" | "claim">;

/**
 * The disk that a PersistentVolume names, also under another driver's name; undefined: it names none. Pods
 * that started under that name still write it: after a rename of this driver, or beside V1.
 */
export function namedDiskOf(spec: PersistentVolumeSpec, driverName: string): NamedDisk | undefined {
  const ofOther = spec.csi?.volumeHandle ?? spec.azureDisk?.diskURI ?? "";
  const volumeId =
    sourceOf(spec, driverName)?.volumeId ?? (parseDiskUri(ofOther) === undefined ? undefined : ofOther);
  return volumeId === undefined ? undefined : { volumeId, ...boundClaim(spec) };
}

/** The finalizer of external-attacher on its VolumeAttachments and PersistentVolumes. */
export function attacherFinalizer(driverName: string): string {
  const name = driverName.replaceAll(/[^a-zA-Z0-9-]/gu, "-");
  return `external-attacher/${name.endsWith("-") ? `${name}X` : name}`;
}

/**
 * The volume of this driver in a PersistentVolume, or in the inline volume of a VolumeAttachment;
 * undefined: another driver's.
 */
export function clusterVolumeOf(
  name: string,
  spec: PersistentVolumeSpec,
  driverName: string,
): ClusterVolume | undefined {
  const source = sourceOf(spec, driverName);
  if (source === undefined) return undefined;
  return {
    name,
    volumeId: source.volumeId,
    capabilities: (spec.accessModes ?? []).flatMap((mode) => capabilityOf(mode, spec, source.fsType)),
    volumeContext: source.volumeContext,
    readOnly: source.readOnly,
    ...boundClaim(spec),
  };
}

/** A claim that a PersistentVolume is kept for, but not bound to yet, has no uid there. */
function boundClaim({ claimRef }: PersistentVolumeSpec): Pick<ClusterVolume, "claim"> {
  const { namespace, name, uid } = claimRef ?? {};
  return namespace === undefined || name === undefined || uid === undefined
    ? {}
    : { claim: { namespace, name, uid } };
}

/** The driver to which Kubernetes passes the in-tree driver's volumes. */
const MIGRATED_TO = "disk.csi.azure.com";

interface VolumeSource extends Pick<ClusterVolume, "volumeId" | "volumeContext" | "readOnly"> {
  readonly fsType: string | undefined;
}

/**
 * The in-tree driver's volumes are passed to CSI as in Kubernetes' csi-translation-lib: managed disks
 * only, the rest as attributes.
 */
function sourceOf({ csi, azureDisk }: PersistentVolumeSpec, driverName: string): VolumeSource | undefined {
  if (csi?.driver === driverName)
    return {
      volumeId: csi.volumeHandle,
      volumeContext: csi.volumeAttributes ?? {},
      readOnly: csi.readOnly ?? false,
      fsType: csi.fsType,
    };
  if (azureDisk === undefined || driverName !== MIGRATED_TO || azureDisk.kind?.toLowerCase() !== "managed")
    return undefined;
  const { cachingMode = "", fsType } = azureDisk;
  return {
    volumeId: azureDisk.diskURI,
    volumeContext: {
      kind: "managed",
      ...(cachingMode === "" ? {} : { cachingMode }),
      ...(fsType === undefined ? {} : { fsType }),
    },
    readOnly: azureDisk.readOnly ?? false,
    fsType,
  };
}

/** As external-attacher states them to drivers. */
const csiModes: Readonly<Record<string, AccessMode>> = {
  ReadWriteOnce: "SINGLE_NODE_WRITER",
  ReadWriteOncePod: "SINGLE_NODE_SINGLE_WRITER",
  ReadOnlyMany: "MULTI_NODE_READER_ONLY",
  ReadWriteMany: "MULTI_NODE_MULTI_WRITER",
};

function capabilityOf(
  mode: string,
  { volumeMode, mountOptions }: PersistentVolumeSpec,
  fsType = "",
): readonly VolumeCapability[] {
  const accessMode = csiModes[mode];
  if (accessMode === undefined) return [];
  if (volumeMode === "Block") return [{ accessMode, accessType: "block" }];
  const mountFlags = [...(mountOptions ?? [])];
  return [
    {
      accessMode,
      accessType: "mount",
      ...(fsType === "" ? {} : { fsType }),
      ...(mountFlags.length === 0 ? {} : { mountFlags }),
    },
  ];
}
