import type { AzVolumeAttachment } from "../api/az-volume-attachment.ts";
import type { WriterRecord } from "../api/az-volume.ts";
import { isSingleWriter } from "../volume/access-modes.ts";
import { isNamed } from "../writer/record/record-nodes.ts";
import type { ObservedVolume } from "./observed-volume.ts";

/** Whether the record names a node of that name as the writer, or as one that may be. */
export function mayWrite(record: WriterRecord | undefined, nodeName: string): boolean {
  return isNamed(record, nodeName, "writer", "unverified");
}

/** Replicas only: never the writer, whatever its role says, and never a node that requests the volume. */
export function isReplica(record: WriterRecord | undefined, { spec }: AzVolumeAttachment): boolean {
  return spec.role === "Replica" && spec.writerRequest === undefined && !mayWrite(record, spec.nodeName);
}

/** Whether a volume that several nodes may write is marked as staged on a node that is not lost. */
export function mayBeStaged(
  { volume, orchestratorNode }: ObservedVolume,
  { spec }: AzVolumeAttachment,
): boolean {
  if (spec.staged !== true || isSingleWriter(volume.spec.capabilities)) return false;
  const { isGone, isOutOfService } = orchestratorNode(spec.nodeName);
  return !isGone && !isOutOfService;
}
