import type { AzVolumeAttachment } from "../../src/core/api/az-volume-attachment.ts";
import type { AzVolume } from "../../src/core/api/az-volume.ts";
import { isDeleting, isTerminating, isResizingOffline } from "../../src/core/attachment/observed-volume.ts";
import { fromTimestamp } from "../../src/core/primitives/timestamp.ts";
import { isNamed } from "../../src/core/writer/record/record-nodes.ts";

/** An attached replica that is marked for deletion, and the state that it depended on right before. */
export interface RemovedReplica {
  readonly replica: AzVolumeAttachment;
  /** Its time, in milliseconds since 1970 on the controller's clock. */
  readonly atMs: number;
  /** Undefined: it had none, because a test removed its objects by hand. */
  readonly volume: AzVolume | undefined;
  /** The other attachments of its volume. */
  readonly others: readonly AzVolumeAttachment[];
  readonly isOutOfService: boolean;
}

/** The store's time stamps have whole seconds. */
const STAMP_MS = 1_000;

/**
 * Whether a replica was pruned before its volume had been unrequested for `pruneAfterMs`, for instance by
 * the replica's own age. While there is a primary, replicas are removed for other reasons, such as to make
 * room for it.
 */
export function isPrunedEarly(
  { replica, atMs, volume, others, isOutOfService }: RemovedReplica,
  pruneAfterMs: number,
): boolean {
  if (
    volume === undefined ||
    isDeleting(volume) ||
    isResizingOffline(volume) ||
    volume.spec.maxMountReplicaCount === 0 ||
    isOutOfService
  )
    return false;
  if (isNamed(volume.status?.record, replica.spec.nodeName, "fencing", "quarantined")) return false;
  if (others.some((other) => other.spec.role === "Primary" && !isTerminating(other))) return false;
  const since = volume.status?.unrequestedSince;
  return since === undefined || atMs + STAMP_MS - fromTimestamp(since) < pruneAfterMs;
}
