import type { AzVolumeAttachment } from "../api/az-volume-attachment.ts";
import type { WriterRecord } from "../api/az-volume.ts";
import { isSingleWriter } from "../volume/access-modes.ts";
import { isUnheard } from "../writer/node-silence.ts";
import { isNamed } from "../writer/record/record-nodes.ts";
import { isTerminating, type ObservedVolume } from "./observed-volume.ts";

/** Whether the record names a node of that name as the writer, or as one that may be. */
export function mayWrite(record: WriterRecord | undefined, nodeName: string): boolean {
  return isNamed(record, nodeName, "writer", "unverified");
}

/** Replicas only: never the writer, whatever its role says, and never a node that requests the volume. */
export function isReplica(record: WriterRecord | undefined, { spec }: AzVolumeAttachment): boolean {
  return spec.role === "Replica" && spec.writerRequest === undefined && !mayWrite(record, spec.nodeName);
}

/**
 * Whether a replica's node may write, where several nodes do: a pod has started there, and its request was
 * lost, with the objects or by an older backup. A pod that the backup lacks only the node shows, by what it
 * reports since. An init container may write, too. A pod that only waits there keeps no share from others.
 */
export function isUsedReplica(observed: ObservedVolume, attachment: AzVolumeAttachment): boolean {
  const { nodeName } = attachment.spec;
  if (isSingleWriter(observed.volume.spec.capabilities) || !isReplica(undefined, attachment)) return false;
  const node = observed.orchestratorNode(nodeName);
  if (node.isGone || node.isOutOfService) return false;
  if (isOnUnheardNode(observed, attachment) || isReportedInUse(observed, attachment)) return true;
  return observed.pods()?.some((pod) => pod.nodeName === nodeName && !pod.hasNeverRun) !== false;
}

/** Whether only its node can say whether it uses an attachment, and has not yet: `isUnheard`. */
export function isOnUnheardNode(observed: ObservedVolume, { spec }: AzVolumeAttachment): boolean {
  const { nodeName } = spec;
  const node = observed.node(nodeName) ?? { heartbeatUnchangedMs: observed.unregisteredMs(nodeName) };
  return isUnheard(observed.settings, node, observed.storeIncarnation ?? 0);
}

/** A replica that is marked as in use, and that its node reports as staged: it has not unstaged it since. */
function isReportedInUse(observed: ObservedVolume, attachment: AzVolumeAttachment): boolean {
  const { volumeName, nodeName, published } = attachment.spec;
  if (published !== true || isTerminating(attachment)) return false;
  return observed.node(nodeName)?.staged?.some((staged) => staged.volumeName === volumeName) === true;
}
