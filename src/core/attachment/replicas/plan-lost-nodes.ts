import type { AzVolumeAttachment } from "../../api/az-volume-attachment.ts";
import { isWriterWell } from "../../writer/node-health.ts";
import { isNamed } from "../../writer/record/record-nodes.ts";
import { recordedVm } from "../attachment-state.ts";
import { isOutOfService, type ObservedVolume, recordOf } from "../observed-volume.ts";
import { type Deletion, type ReplicaAction, deletionOf } from "./replica-action.ts";

/**
 * How long a node may have no AzDriverNode before its replica is replaced, in milliseconds: six
 * heartbeats, each of which recreates it. So replicas survive the deletion of all AzDriverNodes.
 */
const UNREGISTERED_AFTER_MS = 60_000;
/**
 * The least time until the next plan, in milliseconds: watched time advances with other nodes' heartbeats.
 */
const UNREGISTERED_AGAIN_MS = 1_000;

/**
 * Deletes a replica whose node is out of service, or is fenced from the volume and may not have it attached.
 * A fence of an earlier VM of that name says nothing about the current one. A node leaves quarantine right
 * after it has reported clean, and an old cache may still show the record in between.
 */
export function planUnfit(observed: ObservedVolume, replica: AzVolumeAttachment): readonly Deletion[] {
  const { nodeName } = replica.spec;
  if (isOutOfService(observed, nodeName))
    return [deletionOf(replica, "its node is out of service", { kind: "OutOfService", nodeName })];
  const vmId = (observed.node(nodeName) ?? recordedVm(replica))?.vmId;
  const node = vmId === undefined ? nodeName : { nodeName, vmId };
  return isNamed(recordOf(observed), node, "quarantined")
    ? [deletionOf(replica, "its node is fenced from the disk", { kind: "Quarantined", node })]
    : [];
}

/**
 * Deletes replicas whose node is gone or unregistered. A deleted Node may be back before the cache shows it,
 * with its disk attached and its plug-in serving. A lost AzDriverNode is recreated by the node's next
 * heartbeat: until it has been missing for a while, only the object is gone.
 */
export function planGone(
  observed: ObservedVolume,
  replicas: readonly AzVolumeAttachment[],
): readonly Deletion[] {
  return replicas.flatMap((replica): readonly Deletion[] => {
    const { nodeName } = replica.spec;
    if (observed.node(nodeName)?.isGone === true)
      return [deletionOf(replica, "its node is gone", { kind: "NodeGone", nodeName })];
    if (observed.unregisteredMs(nodeName) < UNREGISTERED_AFTER_MS || !isWriterWell(observed)) return [];
    const because = "its node has had no AzDriverNode for a while";
    return [deletionOf(replica, because, { kind: "Unregistered", nodeName })];
  });
}

/** Plans again: no other event shows that a node has been unregistered for long enough. */
export function planUnregistered(
  observed: ObservedVolume,
  replicas: readonly AzVolumeAttachment[],
): readonly ReplicaAction[] {
  const waits = replicas
    .filter(({ spec }) => observed.node(spec.nodeName) === undefined)
    .map(({ spec }) => UNREGISTERED_AFTER_MS - observed.unregisteredMs(spec.nodeName))
    .filter((waitMs) => waitMs > 0);
  if (waits.length === 0 || !isWriterWell(observed)) return [];
  return [{ kind: "Requeue", afterMs: Math.max(UNREGISTERED_AGAIN_MS, Math.min(...waits)) }];
}
