import type { Failure } from "../core/failure.ts";
import { isLeaving, type ObservedVolume } from "../core/plan/observed-volume.ts";
import { mayWrite, type ReplicaAction, type ReplicaCondition } from "../core/plan/plan-replicas.ts";
import { ok, type Result } from "../core/result.ts";
import { unlessGone } from "./attachment-object.ts";
import type { Reconciled } from "./control-loop.ts";
import type { ControllerPorts } from "./controller-ports.ts";

/** When a deletion whose condition fails past the cache is planned again, in milliseconds: the cache shows why then. */
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
  const { logger, store } = ports;
  const volumeName = observed.volume.metadata.name;
  const attachment = observed.attachments.find((other) => other.attachment.metadata.name === action.attachmentName)?.attachment;
  if (attachment === undefined) return ok({});
  const { onlyWhile } = action;
  const holds = await holdsPastCache(ports, onlyWhile, signal);
  if (!holds.ok) return holds;
  if (!holds.value) return ok({ againAfterMs: PLAN_AGAIN_MS });
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

/** Whether a condition on other objects than the volume holds past the cache. Fails where the store does not answer. */
async function holdsPastCache(
  { clusterVolumes, store }: ControllerPorts,
  onlyWhile: ReplicaCondition | undefined,
  signal: AbortSignal,
): Promise<Result<boolean, Failure>> {
  if (onlyWhile?.kind === "NodeGone") return ok((await clusterVolumes.nodePresence(onlyWhile.nodeName, signal)) === "gone");
  if (onlyWhile?.kind === "Unregistered") return isMissing(await store.get("AzDriverNode", onlyWhile.nodeName, signal));
  if (onlyWhile?.kind !== "OthersStay") return ok(true);
  for (const name of onlyWhile.attachmentNames) {
    const other = await store.get("AzVolumeAttachment", name, signal);
    if (!other.ok && other.failure.kind !== "ObjectNotFound") return other;
    if (!other.ok || isLeaving(other.value)) return ok(false);
  }
  return ok(true);
}

/** Fails where the store does not answer. */
function isMissing(read: Result<unknown, Failure>): Result<boolean, Failure> {
  return read.ok ? ok(false) : read.failure.kind === "ObjectNotFound" ? ok(true) : read;
}
