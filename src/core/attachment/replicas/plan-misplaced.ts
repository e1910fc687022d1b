import type { AzVolumeAttachment } from "../../api/az-volume-attachment.ts";
import { couldTakeReplica } from "../../schedule/choose-replica-nodes.ts";
import { whyPodsStayOff } from "../../schedule/pod-fits-node.ts";
import { isWriterWell } from "../../writer/node-health.ts";
import { isAttached } from "../attachment-state.ts";
import type { ObservedVolume } from "../observed-volume.ts";
import { isPrimaryServed } from "./is-primary-served.ts";
import { othersStay } from "./others-stay.ts";
import { missingReplicas } from "./plan-creations.ts";
import { type Deletion, deletionOf } from "./replica-action.ts";

/**
 * Deletes a replica where the volume's pods stay off, by the node's labels or by a pod that has come since.
 * After a failover, a pod keeps the others of its kind off its new node: their replicas there are of no use.
 * Only with no failover near, while a node can take it, and once all others are attached: one at a time.
 */
export function planMisplaced(
  observed: ObservedVolume,
  replicas: readonly AzVolumeAttachment[],
): readonly Deletion[] {
  if (!isPrimaryServed(observed) || !isWriterWell(observed)) return [];
  if (missingReplicas(observed, replicas) > 0) return [];
  for (const replica of replicas) {
    const node = observed.node(replica.spec.nodeName);
    const because =
      node === undefined ? undefined : whyPodsStayOff(observed.placementOn(node.nodeName), node);
    if (because === undefined) continue;
    const others = replicas.filter((other) => other !== replica);
    if (!others.every(isAttached) || !couldTakeReplica(observed, observed.nodes())) return [];
    return [
      deletionOf(replica, `its node ${because}`, othersStay(observed, others, { isGrantNeeded: true })),
    ];
  }
  return [];
}
