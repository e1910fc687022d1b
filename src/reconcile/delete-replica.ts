import type { WriterRecord } from "../core/model/az-volume.ts";
import type { ObservedVolume } from "../core/plan/observed-volume.ts";
import type { ReplicaAction } from "../core/plan/plan-replicas.ts";
import { ok } from "../core/result.ts";
import { unlessGone } from "./attachment-object.ts";
import type { Reconciled } from "./control-loop.ts";
import type { ControllerPorts } from "./controller-ports.ts";

/** When a deletion is planned again whose node is not known to be gone, in milliseconds: the cache shows a Node that is back by then. */
const PLAN_AGAIN_MS = 1_000;

/**
 * Deletes a replica if what the plan rests on still holds past every cache: its node may not write, and the plan's own condition. A replica that is kept by mistake costs a
 * share for a moment; one that is deleted by mistake costs the next failover an attach.
 */
export async function deleteReplica(
  ports: ControllerPorts,
  observed: ObservedVolume,
  action: Extract<ReplicaAction, { kind: "DeleteAttachment" }>,
  signal: AbortSignal,
): Promise<Reconciled> {
  const { clusterVolumes, logger, store } = ports;
  const volumeName = observed.volume.metadata.name;
  const attachment = observed.attachments.find((other) => other.attachment.metadata.name === action.attachmentName)?.attachment;
  if (attachment === undefined) return ok({});
  const { onlyWhile } = action;
  if (onlyWhile?.kind === "NodeGone" && (await clusterVolumes.nodePresence(onlyWhile.nodeName, signal)) !== "gone") return ok({ againAfterMs: PLAN_AGAIN_MS });
  const present = await store.get("AzVolume", volumeName, signal);
  if (!present.ok && present.failure.kind !== "ObjectNotFound") return present;
  // Planned on a record that may have been made anew since: a node that is to show what it does with the disk needs its attachment for that.
  if (present.ok && mayWrite(present.value.status?.record, attachment.spec.nodeName)) return ok({});
  if (onlyWhile?.kind === "Unrequested" && present.ok && present.value.status?.unrequestedSince !== onlyWhile.since) return ok({});
  const { uid, resourceVersion } = attachment.metadata;
  // The version, too: a want that was stated in between makes it a primary, which is never deleted from here.
  const deleted = await store.delete("AzVolumeAttachment", action.attachmentName, { uid, resourceVersion }, signal);
  if (!deleted.ok) return unlessGone(deleted);
  logger.info("replica deleted", { volumeName, nodeName: attachment.spec.nodeName, because: action.because });
  return ok({});
}

/** The writer, or a node that may be one. */
function mayWrite(record: WriterRecord | undefined, nodeName: string): boolean {
  return record?.writer?.nodeName === nodeName || (record?.unproven.some((node) => node.nodeName === nodeName) ?? false);
}
