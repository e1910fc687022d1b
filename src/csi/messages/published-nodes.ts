import { type BackingPorts, backedPart } from "../../controller/backed-attachment.ts";
import type { AzVolume } from "../../core/api/az-volume.ts";
import type { ObjectCache } from "../../objects/cache/object-cache.ts";

/** The sources that show where a volume is published. */
export type PublicationPorts = BackingPorts & { readonly cache: Pick<ObjectCache, "byIndex"> };

/**
 * The nodes that a volume is published on, sorted: those with a recorded primary, whether or not its
 * attach has ended. Replicas are not published. What only a node's token claims for its attachment does
 * not count: it must block neither DeleteVolume nor an expansion. Where several nodes may write, no
 * record shows which of them still have the volume mounted, so a primary counts there once a controller
 * has acted on it.
 */
export function publishedNodes(ports: PublicationPorts, volume: AzVolume): readonly string[] {
  const attachments = ports.cache.byIndex("AzVolumeAttachment", "volumeName", volume.metadata.name);
  return attachments
    .filter((attachment) => {
      const backed = backedPart(ports, volume, attachment);
      const judged = volume.status?.record === undefined && backed !== undefined ? attachment : backed;
      return judged?.spec.role === "Primary";
    })
    .map(({ spec }) => spec.nodeName)
    .toSorted();
}
