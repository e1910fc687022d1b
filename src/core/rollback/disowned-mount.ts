import type { WriterRecord } from "../api/az-volume.ts";
import type { NodeKey } from "../api/identity/node-identity.ts";
import { isNamed } from "../writer/record/record-nodes.ts";
import { isInQuarantine } from "../writer/record/writer-steps.ts";

/** A mount of a pod, and what the node's checkpoint says of it. */
export interface PodMount {
  /** The uid of the AzVolume by which the node mounted it. */
  readonly checkpointedUid: string;
  readonly isLive: boolean;
  /** Whether a target is still bound. */
  readonly isPublished: boolean;
}

/**
 * Whether the record of an AzVolume calls a node clean that has the volume mounted for a pod, by another
 * AzVolume of that name. A record that replaces a lost one never does: it quarantines the nodes that it
 * does not know, and a node shows that it is clean after it has unmounted. So the record is older than the
 * mount, and comes from a backup. Epochs can't show that, since those of a new object begin again.
 */
export function disownsMount(
  { uid, record }: { readonly uid: string; readonly record: WriterRecord },
  node: NodeKey,
  mount: PodMount,
): boolean {
  return (
    mount.checkpointedUid !== uid &&
    mount.isLive &&
    mount.isPublished &&
    !isNamed(record, node, "writer") &&
    !isInQuarantine(record, node)
  );
}
