import type { VolumeStatus } from "../api/az-volume.ts";
import { fromTimestamp, toTimestamp } from "../primitives/timestamp.ts";
import { nodesIn } from "../writer/record/record-nodes.ts";
import { isPrimaryOrRequested } from "./attachment-state.ts";
import { keepsReplicas, type ObservedVolume, recordOf, stayingAttachments } from "./observed-volume.ts";

/** The volume's statement since when it is not requested; undefined: it is requested. */
export interface UnrequestedTime {
  readonly unrequestedSince: string | undefined;
}

/**
 * Whether a node requests the volume, it fails over, or a pod uses it or waits for it. With a writer, or
 * one being fenced, an ended request may be followed by one of the pod's next node. While the pods are
 * still being listed, one may use it.
 */
export function isRequested(observed: ObservedVolume): boolean {
  const record = recordOf(observed);
  if (record?.writer !== undefined || record?.fencing !== undefined) return true;
  return stayingAttachments(observed).some(isPrimaryOrRequested) || observed.pods()?.length !== 0;
}

/**
 * Whether its replicas are needed for a failover, now or soon: it is requested, or a node that the record
 * does not show may write it.
 */
export function needsReplicas(observed: ObservedVolume): boolean {
  return isRequested(observed) || nodesIn(recordOf(observed), "unverified").length > 0;
}

/**
 * Since when the volume is not requested, where that is to be written; undefined: the status is correct.
 * Kept on the volume, since a fence deletes a dead writer's attachment. It begins when the controller
 * first finds no request, so it is never too early. It begins again where a clock that was ahead has written
 * it: until then no replica would be pruned, nor evicted for the primary of another volume.
 */
export function planUnrequestedTime(observed: ObservedVolume): UnrequestedTime | undefined {
  const since = observed.volume.status?.unrequestedSince;
  // A controller that has just started knows no pods, so it must neither start nor end this time.
  if (observed.volume.status === undefined || observed.pods() === undefined) return undefined;
  if (isRequested(observed) || !keepsReplicas(observed.volume))
    return since === undefined ? undefined : { unrequestedSince: undefined };
  const hasBegun = since !== undefined && fromTimestamp(since) <= observed.nowMs;
  if (hasBegun || stayingAttachments(observed).length === 0) return undefined;
  return { unrequestedSince: toTimestamp(observed.nowMs) };
}

/**
 * An uncached status with the planned time. An earlier one that it has stays, and none is written where a
 * writer was granted since the plan.
 */
export function withUnrequestedTime(
  status: VolumeStatus,
  { unrequestedSince: planned }: UnrequestedTime,
): VolumeStatus {
  const { unrequestedSince: present, ...rest } = status;
  if (planned === undefined) return rest;
  const isEarlier = present !== undefined && fromTimestamp(present) <= fromTimestamp(planned);
  return isEarlier || status.record?.writer !== undefined ? status : { ...rest, unrequestedSince: planned };
}

/** The status of a volume that is granted to a node: it is requested. */
export function withoutUnrequestedTime({ unrequestedSince: _, ...status }: VolumeStatus): VolumeStatus {
  return status;
}
