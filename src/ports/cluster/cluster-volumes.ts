import type { VolumeCapability } from "../../core/api/az-volume.ts";
import type { Result } from "../../core/failure/result.ts";

/**
 * A volume of this driver as the orchestrator's cluster knows it. On Kubernetes a PersistentVolume: one
 * whose `spec.csi.driver` is this driver's name, or one of the in-tree driver (`spec.azureDisk` of kind
 * Managed), which Kubernetes hands to CSI under the same disk URI.
 */
export interface ClusterVolume {
  readonly name: string;
  /** The disk's URI: `csi.volumeHandle`, or `azureDisk.diskURI`. */
  readonly volumeId: string;
  /**
   * One for each of its access modes, as external-attacher states them: ReadWriteOnce is
   * SINGLE_NODE_WRITER, ReadWriteOncePod SINGLE_NODE_SINGLE_WRITER, ReadOnlyMany MULTI_NODE_READER_ONLY,
   * ReadWriteMany MULTI_NODE_MULTI_WRITER; `block` or `mount` by `volumeMode`, with `fsType` and the mount
   * options.
   */
  readonly capabilities: readonly VolumeCapability[];
  /**
   * `csi.volumeAttributes`; for the in-tree driver, Kubernetes' translation of its fields (`cachingMode`,
   * `fsType`, `kind`).
   */
  readonly volumeContext: Readonly<Record<string, string>>;
  readonly readOnly: boolean;
  /** The claim that it is bound to, for events; absent without one. */
  readonly claim?: { readonly namespace: string; readonly name: string; readonly uid: string };
}

/**
 * The orchestrator's request for a volume of this driver on a node. On Kubernetes a VolumeAttachment
 * whose `spec.attacher` is this driver's name.
 */
export interface ClusterAttachment {
  readonly name: string;
  /** The disk's URI, by way of the PersistentVolume that it names (or its inline volume). */
  readonly volumeId: string;
  readonly nodeName: string;
  /** `status.attached`: ControllerPublishVolume has succeeded, this driver's or an earlier one's. */
  readonly isAttached: boolean;
  /** Marked for deletion: ControllerUnpublishVolume is under way, or will be. */
  readonly isTerminating: boolean;
  /** The uid of the object, which another one of its name lacks, and its version. */
  readonly uid: string;
  readonly version: string;
}

/**
 * Whether the orchestrator has the volume published there, and is not unpublishing it. If
 * ControllerPublishVolume has not succeeded yet, it will be called again.
 */
export function isPublished(attachment: ClusterAttachment | undefined): boolean {
  return attachment !== undefined && attachment.isAttached && !attachment.isTerminating;
}

/**
 * Whether the orchestrator has a node of a name. `unknown`: it can't be asked now; never treated as gone.
 */
export type NodePresence = "present" | "gone" | "unknown";

/**
 * What the orchestrator knows of this driver's volumes, whatever their origin: made by this driver or an
 * earlier one, static, or migrated. The last source for a volume without an object or a disk tag. Without
 * an orchestrator that has such objects, all answers are empty.
 */
export interface ClusterVolumes {
  /**
   * Whether there is an orchestrator that has attachments. Without one, a missing attachment means
   * nothing.
   */
  readonly knowsAttachments: boolean;
  /**
   * Resolves once `volumes`, `volumesOf`, `volumeOf`, `isNamed` and `attachments` are complete; rejects when
   * `signal` is aborted.
   */
  untilSynced(signal: AbortSignal): Promise<void>;
  /** All volumes of this driver, sorted by name, from a cache. */
  volumes(): readonly ClusterVolume[];
  /** All volumes of this driver that name a disk, from a cache. */
  volumesOf(diskUri: string): readonly ClusterVolume[];
  /**
   * The volume of a disk, from a cache; where several name it, the one that is bound to a claim, then one
   * that has had no claim, then the first by name.
   */
  volumeOf(volumeId: string): ClusterVolume | undefined;
  /**
   * Whether any volume of the cluster names the disk, from a cache: also one of another driver's name, as
   * after a rename of this driver.
   */
  isNamed(diskUri: string): boolean;
  /** All attachments of this driver whose volume is known, sorted by name, from a cache. */
  attachments(): readonly ClusterAttachment[];
  /** The attachment of a volume to a node, from a cache. */
  attachmentOn(volumeId: string, nodeName: string): ClusterAttachment | undefined;
  /**
   * Calls `listener` with the node's name and the disk's URI whenever the cache has seen an attachment begin
   * or end. Without a URI, the attachment may be of any volume.
   */
  onChange(listener: (nodeName: string, volumeId: string | undefined) => void): void;
  /**
   * One attachment, uncached; undefined if there is none of that name. Fails with `StoreUnavailable` or
   * `Cancelled`.
   */
  readAttachment(name: string, signal: AbortSignal): Promise<Result<ClusterAttachment | undefined>>;
  /**
   * Marks that very version of an attachment for deletion; its attacher then unpublishes the volume, and ends
   * it. False: it has changed since, is gone, or another driver's. Fails with `StoreUnavailable` or
   * `Cancelled`.
   */
  deleteAttachment(
    attachment: Pick<ClusterAttachment, "name" | "uid" | "version">,
    signal: AbortSignal,
  ): Promise<Result<boolean>>;
  /**
   * Removes an attachment without an attacher (`attach: driver`): deletes it and removes the attacher's
   * finalizer from it, and from its volume if that was the last. Idempotent: success if there is none.
   * Fails with `StoreUnavailable` or `Cancelled`.
   */
  releaseAttachment(name: string, signal: AbortSignal): Promise<Result<void>>;
  /**
   * Releases volumes that an attacher's finalizer keeps although they have no attachment any more:
   * without an attacher they would outlive their claims for ever. Idempotent. Fails with
   * `StoreUnavailable` or `Cancelled`.
   */
  releaseVolumes(signal: AbortSignal): Promise<Result<void>>;
  /** Whether a node of that name exists, uncached. */
  nodePresence(nodeName: string, signal: AbortSignal): Promise<NodePresence>;
}
