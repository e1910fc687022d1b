import type { AzVolume } from "../../core/model/az-volume.ts";
import { type BackingPorts, backedPart } from "../../reconcile/backed-attachment.ts";
import type { ObjectCache } from "../../reconcile/object-cache.ts";

/** What says where a volume is published. */
export type PublicationPorts = BackingPorts & { readonly cache: Pick<ObjectCache, "byIndex"> };

/**
 * The nodes that a volume is published on, sorted: those with a recorded primary, whether or not its attach
 * has ended. Standbys are not published. An attachment that only its node's token stands behind counts for
 * nothing: it must block neither DeleteVolume nor an expansion.
 */
export function publishedNodes(ports: PublicationPorts, volume: AzVolume): readonly string[] {
  const attachments = ports.cache.byIndex("AzVolumeAttachment", "volumeName", volume.metadata.name);
  return attachments
    .filter((attachment) => attachment.spec.role === "Primary" && backedPart(ports, volume, attachment) !== undefined)
    .map(({ spec }) => spec.nodeName)
    .toSorted();
}
