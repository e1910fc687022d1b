import type { AzVolumeAttachment } from "../../src/core/api/az-volume-attachment.ts";
import type { AzVolume } from "../../src/core/api/az-volume.ts";
import { isDeleting, isLeaving, isResizingOffline } from "../../src/core/attachment/observed-volume.ts";
import { fromTimestamp } from "../../src/core/primitives/timestamp.ts";

/** An attached replica that is marked for deletion, and what it depended on right before. */
export interface RemovedReplica {
  readonly replica: AzVolumeAttachment;
  /** When, in milliseconds since 1970 on the controller's clock. */
  readonly atMs: number;
  /** Undefined: it had none, since a test removed its objects by hand. */
  readonly volume: AzVolume | undefined;
  /** The other attachments of its volume. */
  readonly others: readonly AzVolumeAttachment[];
  readonly isOutOfService: boolean;
}

/** The time stamps of the store have whole seconds. */
const STAMP_MS = 1_000;

/**
 * Whether a replica was pruned though its volume had not been unrequested for `pruneAfterMs`: by anything but
 * the volume's own time, such as the age of the replica. While there is a primary, replicas go for other
 * reasons, such as to make room for it.
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
  const { fencing, quarantine = [] } = volume.status?.record ?? {};
  if ([fencing, ...quarantine].some((vm) => vm?.nodeName === replica.spec.nodeName)) return false;
  if (others.some((other) => other.spec.role === "Primary" && !isLeaving(other))) return false;
  const since = volume.status?.unrequestedSince;
  return since === undefined || atMs + STAMP_MS - fromTimestamp(since) < pruneAfterMs;
}
