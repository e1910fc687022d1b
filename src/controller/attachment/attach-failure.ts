import type { AzVolumeAttachment } from "../../core/api/az-volume-attachment.ts";
import type { AzVolume } from "../../core/api/az-volume.ts";
import { failureLocalKey } from "../../core/events/failure-local-key.ts";
import { describeFailure } from "../../core/failure/describe-failure.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { isRetryable } from "../../core/failure/is-retryable.ts";
import { fail, ok } from "../../core/failure/result.ts";
import { fullBackoffMs } from "../../core/primitives/backoff.ts";
import { fromTimestamp, parseTimestamp } from "../../core/primitives/timestamp.ts";
import { fromObjectError, toObjectError } from "../../objects/object-error.ts";
import { changeStatus } from "../../objects/update-object.ts";
import type { Reconciled } from "../../runtime/queue/control-loop.ts";
import { readAndCompare } from "../adoption/compare-attachments.ts";
import { emitAttachmentEvent } from "../attachment-events.ts";
import type { AttachmentPorts } from "../controller-ports.ts";
import { lookAtDisk } from "../disk/keep-modification.ts";
import { attachmentTarget } from "./attachment-object.ts";
import { evictReplicaFor } from "./removal/evict-replica.ts";

/**
 * Backoff of an attach that only a change can remedy, in milliseconds: 15 s, 30 s … 5 minutes. A change
 * that is seen triggers a retry at once.
 */
const REFUSED_BACKOFF = { baseMs: 15_000, maxMs: 300_000 };

/**
 * Reports why an attach failed, and does what may let the next one succeed. One that only a change can
 * remedy is retried after minutes. Where the attachment has another state by now, the failure is of no
 * concern: a fence has cleared it, or it is marked for a detach.
 */
export async function recordAttachFailure(
  ports: AttachmentPorts,
  volume: AzVolume,
  { attachment, attempt }: { readonly attachment: AzVolumeAttachment; readonly attempt: string },
  failure: Failure,
  signal: AbortSignal,
): Promise<Reconciled> {
  if (failure.kind === "Refused" || failure.kind === "Cancelled") return fail(failure);
  // The failure does not concern the node: a replica on another one would fail as well.
  if (failure.kind === "OtherDriver" && attachment.spec.role === "Replica") return fail(failure);
  const retries = (attachment.status?.error?.retries ?? 0) + 1;
  const error = toObjectError(failure, { nowMs: ports.clock.nowMs(), retries });
  const recorded = await changeStatus(
    ports.store,
    attachmentTarget(ports, attachment),
    (present) =>
      present.status?.state === "Attaching" && present.status.attempt === attempt
        ? { ...present, status: { ...present.status, state: "AttachmentFailed", error } }
        : undefined,
    signal,
  );
  if (recorded.ok && recorded.value.status?.attempt !== attempt) return ok({});
  const isRefused = attachment.spec.role === "Primary" && !isRetryable(failure);
  const reason = isRefused
    ? "AttachRefused"
    : attachment.spec.role === "Primary"
      ? "AttachFailed"
      : "ReplicaAttachFailed";
  if (!isRefused || !wasReported(attachment, failure))
    emitAttachmentEvent(
      ports,
      attachment,
      reason,
      `attach to ${attachment.spec.nodeName} failed: ${describeFailure(failure)}`,
      failure,
    );
  if (!recorded.ok) return endUnrecordedAttach(ports, volume, recorded.failure, signal);
  if (failure.kind === "NoFreeShare" || failure.kind === "DiskAttachedElsewhere") {
    // The objects show a free share: one may be in use without an object.
    const looked = await readAndCompare(ports, { volume }, signal);
    if (!looked.ok) return looked;
  }
  if (failure.kind === "CloudRejected") {
    // Another client may have changed what the request follows from: the SKU decides the host cache.
    const { volumeId, volumeName } = attachment.spec;
    const looked = await lookAtDisk(ports, volume, volumeId, signal);
    // The next try looks again.
    if (!looked.ok)
      ports.logger.warn("a disk whose attach is refused was not read", {
        volumeName,
        failure: looked.failure,
      });
  }
  if (failure.kind === "NoFreeLun" && attachment.spec.role === "Primary")
    await evictReplicaFor(ports, attachment, signal);
  if (!isRefused) return fail(failure);
  const requeueAfterMs = fullBackoffMs({ ...REFUSED_BACKOFF, attempt: retries });
  ports.logger.warn("attach refused", {
    volumeName: attachment.spec.volumeName,
    nodeName: attachment.spec.nodeName,
    retries,
    requeueAfterMs,
    failure,
  });
  return ok({ requeueAfterMs });
}

/** Whether the previous try failed alike, for the same request. */
function wasReported({ spec, status }: AzVolumeAttachment, failure: Failure): boolean {
  if (status?.error === undefined) return false;
  const earlier = fromObjectError(status.error);
  const isSameRequest =
    spec.writerRequest === undefined ||
    // A node's token may write any text there.
    (parseTimestamp(spec.writerRequest.since) ?? 0) <= fromTimestamp(status.error.time);
  return earlier !== undefined && isSameRequest && failureLocalKey(earlier) === failureLocalKey(failure);
}

/**
 * Ends an attach whose result could not be recorded. If its attachment object is gone, no object names the VM
 * that has, or gets, the disk: so its volume's VMs are looked up in Azure.
 */
export async function endUnrecordedAttach(
  ports: AttachmentPorts,
  volume: AzVolume,
  failure: Failure,
  signal: AbortSignal,
): Promise<Reconciled> {
  if (failure.kind !== "ObjectNotFound") return fail(failure);
  const looked = await readAndCompare(ports, { volume }, signal);
  return looked.ok ? ok({}) : looked;
}
