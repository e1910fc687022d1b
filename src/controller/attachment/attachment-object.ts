import type { AttachmentStatus, AzVolumeAttachment } from "../../core/api/az-volume-attachment.ts";
import { ATTACHMENT_FINALIZER } from "../../core/api/finalizers.ts";
import { isTerminating } from "../../core/attachment/observed-volume.ts";
import type { FailureOf } from "../../core/failure/failure.ts";
import { fail, ok, type Result } from "../../core/failure/result.ts";
import { ignoreNotFound } from "../../objects/ignore-not-found.ts";
import { removeFinalizer } from "../../objects/remove-finalizer.ts";
import { changeStatus, type ChangeTarget } from "../../objects/update-object.ts";
import type { Reconciled } from "../../runtime/queue/control-loop.ts";
import type { AttachmentPorts } from "../controller-ports.ts";

/** Exactly this object: a later one of the same name has its own life. */
export function attachmentTarget(
  { cache }: Pick<AttachmentPorts, "cache">,
  { metadata: { name, uid } }: AzVolumeAttachment,
): ChangeTarget<"AzVolumeAttachment"> {
  return { kind: "AzVolumeAttachment", name, uid, seen: () => cache.get("AzVolumeAttachment", name) };
}

/** The failure of a change in Azure that the record does not allow now. */
export function refusedFor({ spec }: AzVolumeAttachment): Result<never, FailureOf<"Refused">> {
  return fail({ kind: "Refused", diskUri: spec.volumeId, nodeName: spec.nodeName });
}

/** Changes its status; without one it is Pending. */
export function setAttachmentStatus(
  ports: AttachmentPorts,
  attachment: AzVolumeAttachment,
  change: (status: AttachmentStatus) => AttachmentStatus,
  signal: AbortSignal,
): Promise<Result<AzVolumeAttachment>> {
  return changeStatus(
    ports.store,
    attachmentTarget(ports, attachment),
    (present) => ({ ...present, status: change(present.status ?? { state: "Pending" }) }),
    signal,
  );
}

/**
 * Removes its finalizer: nothing of the disk is left on the node. Where a restored backup has reverted
 * the deletion, the attachment stays, and records that the disk is detached.
 */
export async function removeAttachment(
  ports: AttachmentPorts,
  attachment: AzVolumeAttachment,
  signal: AbortSignal,
): Promise<Reconciled> {
  const removed = await ports.steps.run("remove-attachment", () =>
    removeFinalizer(ports.store, attachmentTarget(ports, attachment), ATTACHMENT_FINALIZER, signal),
  );
  if (!removed.ok) return ignoreNotFound(removed);
  if (isTerminating(removed.value)) return ok({});
  const recorded = await setAttachmentStatus(ports, attachment, () => ({ state: "Pending" }), signal);
  return ignoreNotFound(recorded);
}
