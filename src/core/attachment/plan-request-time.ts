import type { AzVolume } from "../api/az-volume.ts";
import { toTimestamp } from "../primitives/timestamp.ts";
import { keepsReplicas, type ObservedVolume, recordOf, stayingAttachments } from "./observed-volume.ts";

type Status = NonNullable<AzVolume["status"]>;

/** What the volume says since when it is not requested; undefined: nothing, since it is requested. */
export interface RequestTime {
  readonly unrequestedSince: string | undefined;
}

/**
 * Whether a node requests the volume, it fails over, or a pod uses it or waits for it. While a volume has a
 * writer, or one that is being fenced, its request may have ended already: the next one comes from the
 * pod's next node. While the pods are still being listed, one may.
 */
export function isRequested(observed: ObservedVolume): boolean {
  const record = recordOf(observed);
  if (record?.writer !== undefined || record?.fencing !== undefined) return true;
  const requests = stayingAttachments(observed).some(
    ({ spec }) => spec.role === "Primary" || spec.writerRequest !== undefined,
  );
  return requests || observed.pods()?.length !== 0;
}

/**
 * Whether its replicas are needed for a failover, now or soon: it is requested, or a node may write it of
 * which the record can't say so.
 */
export function needsReplicas(observed: ObservedVolume): boolean {
  return isRequested(observed) || (recordOf(observed)?.unverified.length ?? 0) > 0;
}

/**
 * Since when the volume is not requested, where that is to be written; undefined where it is as it should
 * be. It stands on the volume, since the attachment of a writer that died is deleted with its fence. It
 * begins when the controller first finds no request, so it is never too early.
 */
export function planRequestTime(observed: ObservedVolume): RequestTime | undefined {
  const since = observed.volume.status?.unrequestedSince;
  // A controller that has just begun must neither begin the time nor end it: it knows of no pod yet.
  if (observed.volume.status === undefined || observed.pods() === undefined) return undefined;
  if (isRequested(observed) || !keepsReplicas(observed.volume))
    return since === undefined ? undefined : { unrequestedSince: undefined };
  if (since !== undefined || stayingAttachments(observed).length === 0) return undefined;
  return { unrequestedSince: toTimestamp(observed.nowMs) };
}

/**
 * A status that was read afresh, with the planned time. One that it says already stays, and none is written
 * where a writer was granted since the plan.
 */
export function withRequestTime(status: Status, { unrequestedSince: planned }: RequestTime): Status {
  const { unrequestedSince: present, ...rest } = status;
  if (planned === undefined) return rest;
  return present !== undefined || status.record?.writer !== undefined
    ? status
    : { ...rest, unrequestedSince: planned };
}

/** A status of a volume that is granted to a node: it is requested. */
export function withoutRequestTime({ unrequestedSince: _, ...status }: Status): Status {
  return status;
}
