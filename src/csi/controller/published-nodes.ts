import type { AzVolume } from "../../core/model/az-volume.ts";
import type { ObjectCache } from "../../reconcile/object-cache.ts";

/** The nodes that a volume is published on, sorted: those with a recorded primary, whether or not its attach has ended. Standbys are not published. */
export function publishedNodes(cache: Pick<ObjectCache, "byIndex">, volume: AzVolume): readonly string[] {
  const attachments = cache.byIndex("AzVolumeAttachment", "volumeName", volume.metadata.name);
  return attachments
    .filter(({ spec }) => spec.role === "Primary")
    .map(({ spec }) => spec.nodeName)
    .toSorted();
}
