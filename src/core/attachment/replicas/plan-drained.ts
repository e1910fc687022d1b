import type { AzVolumeAttachment } from "../../api/az-volume-attachment.ts";
import { isWriterWell } from "../../writer/node-health.ts";
import type { ObservedVolume } from "../observed-volume.ts";
import { isPrimaryServed } from "./is-primary-served.ts";
import { type Deletion, type ReplicaAction, deletionOf } from "./replica-action.ts";

/**
 * Deletes replicas on unschedulable nodes. A node that is upgraded or removed should have no disks, as after
 * a drain under V1; no pod can start there. Only while no failover is near: until then a person may let the
 * pods of a dead node go there.
 */
export function planDrained(
  observed: ObservedVolume,
  replicas: readonly AzVolumeAttachment[],
): readonly Deletion[] {
  if (!isPrimaryServed(observed) || !isWriterWell(observed)) return [];
  return replicas
    .filter(({ spec }) => drainedInMs(observed, spec.nodeName) <= 0)
    .map((replica) => {
      const { nodeName } = replica.spec;
      const because = "its node has been unschedulable for a while";
      return deletionOf(replica, because, { kind: "Unschedulable", nodeName });
    });
}

/** Plans again: no other event shows that a node has been unschedulable for long enough. */
export function planDraining(
  observed: ObservedVolume,
  replicas: readonly AzVolumeAttachment[],
): readonly ReplicaAction[] {
  const waits = replicas
    .map(({ spec }) => drainedInMs(observed, spec.nodeName))
    .filter((waitMs) => waitMs > 0 && waitMs < Infinity);
  return waits.length === 0 ? [] : [{ kind: "Requeue", afterMs: Math.min(...waits) }];
}

/** When a node's replicas are due for release, in milliseconds from now; infinite if it is schedulable. */
function drainedInMs({ node, unschedulableMs, settings }: ObservedVolume, nodeName: string): number {
  if (node(nodeName)?.isUnschedulable !== true) return Infinity;
  return settings.releaseDrainedAfterMs - unschedulableMs(nodeName);
}
