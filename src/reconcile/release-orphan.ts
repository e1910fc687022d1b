import type { AzVolumeAttachment } from "../core/model/az-volume-attachment.ts";
import { ok } from "../core/result.ts";
import { releaseAttachment, unlessGone } from "./attachment-object.ts";
import type { Reconciled } from "./control-loop.ts";
import type { ControllerPorts } from "./controller-ports.ts";

/** How often the disk of an attachment without AzVolume is looked for, in milliseconds. */
const ORPHAN_AGAIN_MS = 30_000;

/**
 * An attachment whose AzVolume is gone. DeleteVolume never leaves one behind, so the object was deleted by hand, and its node may well write: nothing is
 * detached until the volume is there again with a record that tells. Only where the disk itself is gone there is nothing left to detach, nor to want: a node may have
 * stated its want while the volume was on its way out.
 */
export async function releaseOrphan(ports: ControllerPorts, attachment: AzVolumeAttachment, signal: AbortSignal): Promise<Reconciled> {
  const { metadata, spec } = attachment;
  const disk = await ports.cloud.getDisk({ diskUri: spec.volumeId }, signal);
  if (disk.ok) return ok({ againAfterMs: ORPHAN_AGAIN_MS });
  if (disk.failure.kind !== "DiskNotFound") return disk;
  if (metadata.deletionTimestamp !== undefined) return releaseAttachment(ports, attachment, signal);
  const volume = await ports.store.get("AzVolume", spec.volumeName, signal);
  if (volume.ok) return ok({ againAfterMs: ORPHAN_AGAIN_MS });
  if (volume.failure.kind !== "ObjectNotFound") return volume;
  const deleted = await ports.store.delete("AzVolumeAttachment", metadata.name, { uid: metadata.uid }, signal);
  return deleted.ok ? ok({}) : unlessGone(deleted);
}
