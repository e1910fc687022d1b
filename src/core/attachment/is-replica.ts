import type { AzVolumeAttachment } from "../api/az-volume-attachment.ts";
import type { WriterRecord } from "../api/az-volume.ts";
import { isSingleWriter } from "../volume/access-modes.ts";
import { isUnheard } from "../writer/node-silence.ts";
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

/**
 * Whether a replica's node may write, where several nodes do: it is marked as staged there; or a pod has
 * started there, and its request was lost, with the objects or by an older backup. A pod that the backup
 * lacks only the node shows, by what it reports since. An init container may write, too. A pod that only
 * waits there keeps no share from others.
 */
export function isUsedReplica(observed: ObservedVolume, attachment: AzVolumeAttachment): boolean {
  const { nodeName } = attachment.spec;
  if (isSingleWriter(observed.volume.spec.capabilities) || !isReplica(undefined, attachment)) return false;
  if (isLost(observed, nodeName)) return false;
  if (mayBeStaged(observed, attachment) || isOnUnheardNode(observed, attachment)) return true;
  return observed.pods()?.some((pod) => pod.nodeName === nodeName && !pod.hasNeverRun) !== false;
}

/** Whether a volume without a record is marked as staged on a node that is not lost. */
export function mayBeStaged(observed: ObservedVolume, { spec }: AzVolumeAttachment): boolean {
  return spec.staged === true && !isLost(observed, spec.nodeName);
}

function isLost(observed: ObservedVolume, nodeName: string): boolean {
  const { isGone, isOutOfService } = observed.orchestratorNode(nodeName);
  return isGone || isOutOfService;
}

/** Whether only its node can say whether it uses an attachment, and has not yet: `isUnheard`. */
export function isOnUnheardNode(observed: ObservedVolume, { spec }: AzVolumeAttachment): boolean {
  const { nodeName } = spec;
  const node = observed.node(nodeName) ?? { heartbeatUnchangedMs: observed.unregisteredMs(nodeName) };
  return isUnheard(observed.settings, node, observed.storeIncarnation ?? 0);
}
