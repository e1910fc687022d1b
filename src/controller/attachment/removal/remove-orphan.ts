import type { AzVolumeAttachment } from "../../../core/api/az-volume-attachment.ts";
import { ok } from "../../../core/failure/result.ts";
import { ignoreNotFound } from "../../../objects/ignore-not-found.ts";
import { readVolume } from "../../../objects/read-volume.ts";
import type { Reconciled } from "../../../runtime/queue/control-loop.ts";
import { confirmDiskGone } from "../../adoption/confirm-disk-gone.ts";
import { isForNoPod } from "../../backed-attachment.ts";
import type { AttachmentPorts } from "../../controller-ports.ts";
import { removeAttachment } from "../attachment-object.ts";
import { deleteWithoutDetach, removeInconsistent } from "../ignored-attachment.ts";

/** How often the disk of an attachment without an AzVolume is looked up, in milliseconds. */
const ORPHAN_AGAIN_MS = 30_000;
/** The same where it has not changed for long. */
const ORPHAN_AGAIN_MAX_MS = 600_000;

/**
 * Handles an attachment whose AzVolume is gone. DeleteVolume never leaves one behind, so the object was
 * deleted by hand, and its node may write: nothing is detached until the volume and its record are
 * recreated. Only where the disk itself is gone, nothing is left to detach or to request: a node may have
 * requested the volume during its deletion. A node's token may also name volumes that never existed. Such
 * an object is deleted if nothing was begun for it and no pod is there, or if its disk belongs to another
 * volume, whose attachment it blocks.
 */
export async function removeOrphan(
  ports: AttachmentPorts,
  attachment: AzVolumeAttachment,
  signal: AbortSignal,
): Promise<Reconciled> {
  const { metadata, spec } = attachment;
  // The cache may be stale.
  const volume = await ports.store.get("AzVolume", spec.volumeName, signal);
  if (volume.ok) return ok({ requeueAfterMs: ORPHAN_AGAIN_MS });
  if (volume.failure.kind !== "ObjectNotFound") return volume;
  if (isForNoPod(ports, attachment))
    return ignoreNotFound(await deleteWithoutDetach(ports, attachment, signal));
  const owner = await readVolume(ports, spec.volumeId, signal);
  if (!owner.ok && owner.failure.kind !== "VolumeNotFound") return owner;
  if (owner.ok) {
    // The object was recreated since it was read: the attachment belongs to it.
    if (owner.value.metadata.name === spec.volumeName) return ok({ requeueAfterMs: ORPHAN_AGAIN_MS });
    const because =
      `there is no AzVolume ${spec.volumeName}, ` +
      `and its disk is that of AzVolume ${owner.value.metadata.name}`;
    return removeInconsistent(ports, attachment, because, signal);
  }
  const disk = await ports.cloud.getDisk({ diskUri: spec.volumeId }, signal);
  if (disk.ok) {
    // Recovery may never recreate its volume.
    const unchangedMs = ports.cache.unchangedMs("AzVolumeAttachment", metadata.name) ?? 0;
    return ok({ requeueAfterMs: Math.min(Math.max(ORPHAN_AGAIN_MS, unchangedMs), ORPHAN_AGAIN_MAX_MS) });
  }
  const gone = await confirmDiskGone(ports.cloud, { diskUri: spec.volumeId, failure: disk.failure }, signal);
  if (!gone.ok) return gone;
  if (metadata.deletionTimestamp !== undefined) return removeAttachment(ports, attachment, signal);
  const deleted = await ports.store.delete(
    "AzVolumeAttachment",
    metadata.name,
    { uid: metadata.uid },
    signal,
  );
  return ignoreNotFound(deleted);
}
