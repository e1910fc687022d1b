import type { AzDriverNode } from "../../core/api/az-driver-node.ts";
import type { AzVolumeAttachment } from "../../core/api/az-volume-attachment.ts";
import type { AzVolume } from "../../core/api/az-volume.ts";
import type { ClusterNode } from "../../core/api/cluster-node.ts";
import type { Lease } from "../../core/api/lease.ts";
import type { Result } from "../../core/failure/result.ts";

/** The kinds that the driver keeps in the object store, and the type of each. */
export interface KindMap {
  readonly AzVolume: AzVolume;
  readonly AzVolumeAttachment: AzVolumeAttachment;
  readonly AzDriverNode: AzDriverNode;
  readonly Lease: Lease;
  /** Only in the embedded store: the orchestrator's view of its nodes where there is no Kubernetes. */
  readonly ClusterNode: ClusterNode;
}

export type Kind = keyof KindMap;

/**
 * A new object: no `uid`, `resourceVersion`, `generation` or timestamps yet; the store fills them in.
 * Status may be given only in the embedded and simulated stores' fixtures.
 */
export type NewObject<K extends Kind> = Omit<KindMap[K], "metadata" | "status"> & {
  readonly metadata: { readonly name: string } & Partial<
    Pick<KindMap[K]["metadata"], "labels" | "annotations" | "finalizers">
  >;
};

/** What a watch delivers. `BOOKMARK` only carries a version to resume from. */
export type WatchEvent<K extends Kind> =
  | { readonly type: "ADDED" | "MODIFIED" | "DELETED"; readonly object: KindMap[K] }
  | { readonly type: "BOOKMARK"; readonly resourceVersion: string };

/** Equality on labels; every pair must match. */
export type LabelSelector = Readonly<Record<string, string>>;

/**
 * Kubernetes' object semantics as a port (API conventions): optimistic concurrency by `resourceVersion`, a
 * status subresource, finalizers, `generation` that moves only with `spec` (and with the mark for
 * deletion). Writes fail with `ObjectConflict`, `ObjectNotFound`, `ObjectAlreadyExists` or `ObjectInvalid`
 * (names the field); everything fails with `StoreUnavailable` when the store can't be reached (retryable;
 * the write may or may not have happened) and with `Cancelled` when `signal` is aborted.
 */
export interface ObjectStore {
  /** An uncached, linearizable read. */
  get<K extends Kind>(kind: K, name: string, signal: AbortSignal): Promise<Result<KindMap[K]>>;
  /** All objects of a kind, sorted by name, and the version to watch from. */
  list<K extends Kind>(
    kind: K,
    selector: LabelSelector,
    signal: AbortSignal,
  ): Promise<Result<{ readonly items: readonly KindMap[K][]; readonly resourceVersion: string }>>;
  create<K extends Kind>(kind: K, object: NewObject<K>, signal: AbortSignal): Promise<Result<KindMap[K]>>;
  /**
   * Replaces metadata (labels, annotations, finalizers) and spec, but not status. Conditional on
   * `object.metadata.resourceVersion`. Removing the last finalizer of an object marked for deletion
   * removes it.
   */
  update<K extends Kind>(kind: K, object: KindMap[K], signal: AbortSignal): Promise<Result<KindMap[K]>>;
  /** Replaces status only. Conditional on `object.metadata.resourceVersion`. */
  updateStatus<K extends Kind>(kind: K, object: KindMap[K], signal: AbortSignal): Promise<Result<KindMap[K]>>;
  /**
   * Marks for deletion (`deletionTimestamp`), or removes at once without finalizers. Idempotent on a
   * marked object.
   */
  delete<K extends Kind>(
    kind: K,
    name: string,
    preconditions: { readonly uid?: string; readonly resourceVersion?: string },
    signal: AbortSignal,
  ): Promise<Result<void>>;
  /**
   * Streams the changes after `resourceVersion`, in order, without polling, until `signal` is aborted.
   * Ends with a thrown `WatchGone` if that version is too old (list again, then watch from the list's
   * version) and with `WatchBroken` if the connection is lost (resume from the last version seen), or where
   * the server states another error (list again if it states no more than that).
   * Returns where the server ends the watch regularly, as Kubernetes' does after some minutes (resume as
   * well).
   */
  watch<K extends Kind>(
    kind: K,
    selector: LabelSelector,
    resourceVersion: string,
    signal: AbortSignal,
  ): AsyncIterable<WatchEvent<K>>;
}

/** The requested version is no longer kept: list again. */
export class WatchGone extends Error {
  override readonly name = "WatchGone";
}

/** The stream broke; a watch from the last version seen delivers everything that was missed. */
export class WatchBroken extends Error {
  override readonly name = "WatchBroken";
  /** The server ended it with an error of its own, which it may state of that version for ever. */
  readonly isStated: boolean;
  /** The server had accepted the watch, and its connection was cut off later: silent ones are by proxies. */
  readonly wasOpen: boolean;

  constructor(
    message: string,
    options: ErrorOptions & { readonly isStated?: boolean; readonly wasOpen?: boolean } = {},
  ) {
    const { isStated = false, wasOpen = false, ...rest } = options;
    super(message, rest);
    this.isStated = isStated;
    this.wasOpen = wasOpen;
  }
}
