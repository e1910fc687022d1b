import type { AzVolumeAttachment } from "../../api/az-volume-attachment.ts";
import { fromTimestamp } from "../../primitives/timestamp.ts";
import { type ObservedVolume, PODS_LISTED_AFTER_MS } from "../observed-volume.ts";
import { isRequested } from "../plan-unrequested-time.ts";
import { type Deletion, type ReplicaAction, deletionOf } from "./replica-action.ts";

/** Deletes the replicas of a volume that has not been requested for a while. */
export function planPruned(
  observed: ObservedVolume,
  replicas: readonly AzVolumeAttachment[],
): readonly Deletion[] {
  const since = observed.volume.status?.unrequestedSince;
  if (since === undefined || pruneInMs(observed, since) > 0) return [];
  const because = "the volume has not been requested for a while";
  return replicas.map((replica) => deletionOf(replica, because, { kind: "Unrequested", since }));
}

/**
 * Plans again when replicas are to be pruned, or once the pods are listed. Attachments that are no replicas
 * are not pruned: a writer is released first, which changes the record.
 */
export function planPruning(
  observed: ObservedVolume,
  replicas: readonly AzVolumeAttachment[],
): readonly ReplicaAction[] {
  const since = observed.volume.status?.unrequestedSince;
  if (since !== undefined && observed.pods() === undefined)
    return [{ kind: "Requeue", afterMs: PODS_LISTED_AFTER_MS }];
  if (since === undefined || isRequested(observed) || replicas.length === 0) return [];
  return [{ kind: "Requeue", afterMs: Math.max(1, pruneInMs(observed, since)) }];
}

/** When the replicas of an unrequested volume are pruned, in milliseconds from now; else never. */
function pruneInMs(observed: ObservedVolume, unrequestedSince: string): number {
  if (isRequested(observed)) return Infinity;
  return fromTimestamp(unrequestedSince) + observed.settings.pruneReplicasAfterMs - observed.nowMs;
}
