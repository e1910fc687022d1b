import type { VolumeCapability } from "../../core/api/az-volume.ts";
import type { Failure } from "../../core/failure/failure.ts";
import type { Result } from "../../core/failure/result.ts";

/**
 * A volume of this driver as the orchestrator's cluster knows it. On Kubernetes a PersistentVolume: one
 * whose `spec.csi.driver` is this driver's name, or one of the in-tree driver (`spec.azureDisk` of kind
 * Managed), which Kubernetes hands to CSI under the same disk URI.
 */
export interface ClusterVolume {
  /** The PersistentVolume's name. */
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
   * `csi.volumeAttributes`; of the in-tree driver what Kubernetes translates its fields into
   * (`cachingMode`, `fsType`, `kind`).
   */
  readonly volumeContext: Readonly<Record<string, string>>;
  readonly readOnly: boolean;
  /** The claim that it is bound to, for events; absent where it is bound to none. */
  readonly claim?: { readonly namespace: string; readonly name: string; readonly uid: string };
}

/**
 * That the orchestrator wants a volume of this driver on a node. On Kubernetes a VolumeAttachment whose
 * `spec.attacher` is this driver's name.
 */
export interface ClusterAttachment {
  /** The VolumeAttachment's name. */
  readonly name: string;
  /** The disk's URI, by way of the PersistentVolume that it names (or its inline volume). */
  readonly volumeId: string;
  readonly nodeName: string;
  /** `status.attached`: ControllerPublishVolume has succeeded, this driver's or an earlier one's. */
  readonly isAttached: boolean;
  /** Marked for deletion: ControllerUnpublishVolume is under way, or will be. */
  readonly isLeaving: boolean;
}

/** Whether the orchestrator has a node of a name. `unknown`: nobody can tell now; never treated as gone. */
export type NodePresence = "present" | "gone" | "unknown";

/**
 * What the orchestrator knows of this driver's volumes, wherever they came from: made by this driver or by
 * an earlier one, static, or migrated. It is what remains where neither an object of ours nor a tag on the
 * disk tells of a volume. Where there is no orchestrator with such objects, all answers are empty.
 */
export interface ClusterVolumes {
  /**
   * Whether there is an orchestrator that has attachments: where there is none, that one is missing says
   * nothing.
   */
  readonly knowsAttachments: boolean;
  /**
   * Resolves once `volumes`, `volumeOf` and `attachments` show all there is; rejects when `signal` is
   * aborted.
   */
  untilSynced(signal: AbortSignal): Promise<void>;
  /** All volumes of this driver, sorted by name, from a cache. */
  volumes(): readonly ClusterVolume[];
  /**
   * The volume of a disk, from a cache; where several name it, the one that is bound to a claim, then the
   * first by name.
   */
  volumeOf(volumeId: string): ClusterVolume | undefined;
  /** All attachments of this driver whose volume can be told, sorted by name, from a cache. */
  attachments(): readonly ClusterAttachment[];
  /** The attachment of a volume to a node, from a cache. */
  attachmentOn(volumeId: string, nodeName: string): ClusterAttachment | undefined;
  /**
   * Calls `listener` with the node's name whenever the cache has learnt of an attachment to it, or of its
   * end.
   */
  onChange(listener: (nodeName: string) => void): void;
  /**
   * One attachment, past every cache; undefined if there is none of that name. Fails with
   * `StoreUnavailable` or `Cancelled`.
   */
  readAttachment(name: string, signal: AbortSignal): Promise<Result<ClusterAttachment | undefined, Failure>>;
  /**
   * Lets go of an attachment that no attacher cares for any more (`attach: driver`): deletes it and takes
   * the attacher's finalizer off it, and off its volume if that was the last. Idempotent: success if there
   * is none. Fails with `StoreUnavailable` or `Cancelled`.
   */
  releaseAttachment(name: string, signal: AbortSignal): Promise<Result<void, Failure>>;
  /**
   * Lets go of volumes that an attacher keeps for attachments of theirs although they have none any more:
   * without an attacher they would never go away after their claims. Idempotent. Fails with
   * `StoreUnavailable` or `Cancelled`.
   */
  releaseVolumes(signal: AbortSignal): Promise<Result<void, Failure>>;
  /** Whether a node of that name exists, past every cache. */
  nodePresence(nodeName: string, signal: AbortSignal): Promise<NodePresence>;
}
