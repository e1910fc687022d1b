import type { AzVolumeAttachment } from "../api/az-volume-attachment.ts";

/**
 * Whether an attachment is a primary that its node still requests. A request that is withdrawn leaves a
 * primary, whose volume has been unstaged there: it stays attached until it is unpublished.
 */
export function isRequestedPrimary({ spec }: Pick<AzVolumeAttachment, "spec">): boolean {
  return spec.role === "Primary" && spec.writerRequest !== undefined;
}

/**
 * Whether an attachment is more than a replica by its spec: the volume is published on its node, or its node
 * requests it.
 */
export function isPrimaryOrRequested({ spec }: Pick<AzVolumeAttachment, "spec">): boolean {
  return spec.role === "Primary" || spec.writerRequest !== undefined;
}
