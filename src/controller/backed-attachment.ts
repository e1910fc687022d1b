import { PLACED_BY_LABEL } from "../core/api/attachment-labels.ts";
import type { AzVolumeAttachment } from "../core/api/az-volume-attachment.ts";
import type { AzVolume } from "../core/api/az-volume.ts";
import { isPrimaryOrRequested } from "../core/attachment/attachment-state.ts";
import { isTerminating } from "../core/attachment/observed-volume.ts";
import { holdsDisk } from "../core/attachment/plan-attachment.ts";
import { isSingleWriter } from "../core/volume/access-modes.ts";
import { isNamed } from "../core/writer/record/record-nodes.ts";
import type { ControllerPorts } from "./controller-ports.ts";

/** What shows whether a pod requires an attachment. */
export interface BackingPorts extends Pick<ControllerPorts, "attach"> {
  readonly clusterVolumes: Pick<ControllerPorts["clusterVolumes"], "knowsAttachments" | "attachmentOn">;
  readonly users: Pick<ControllerPorts["users"], "cachedOn" | "cachedNode">;
}

/**
 * The part of an attachment that more than the node's own word supports; undefined: none. A node's token
 * may make any of its attachments a Primary with a request, and with `attach: driver` create one for any
 * volume. Until a pod, or a client that publishes the volume, is seen there, nothing is attached, granted
 * or evicted for it. An attachment that a controller placed, or has begun to attach, stays a replica. The
 * release check handles the writer's request.
 */
export function backedPart(
  ports: BackingPorts,
  volume: AzVolume,
  attachment: AzVolumeAttachment,
): AzVolumeAttachment | undefined {
  if (!ports.clusterVolumes.knowsAttachments || isTerminating(attachment)) return attachment;
  if (isNamedAsHolder(volume, attachment.spec.nodeName) || isRequestedByOthers(ports, volume, attachment))
    return attachment;
  if (ports.attach === "driver" && !isControllerManaged(attachment)) return undefined;
  if (!isPrimaryOrRequested(attachment)) return attachment;
  const { writerRequest: _, ...unrequested } = attachment.spec;
  // As where a controller withdraws the request: the node may have staged what is attached there.
  const isStaged = !isSingleWriter(volume.spec.capabilities) && holdsDisk(attachment);
  return { ...attachment, spec: { ...unrequested, role: "Replica", ...(isStaged ? { staged: true } : {}) } };
}

/**
 * Whether other parties than the node request the volume there: by the attach mode, a pod, or a
 * VolumeAttachment or a CSI client. Where several nodes may write, no record names the holders, and a
 * VolumeAttachment may be gone while its node still unmounts.
 */
function isRequestedByOthers(
  { attach, clusterVolumes, users }: BackingPorts,
  { status }: AzVolume,
  { spec }: AzVolumeAttachment,
): boolean {
  const { nodeName, volumeId } = spec;
  if (attach === "driver") return users.cachedOn({ nodeName, volumeId }).kind === "used";
  return (
    status?.record === undefined ||
    spec.published === true ||
    clusterVolumes.attachmentOn(volumeId, nodeName) !== undefined
  );
}

/**
 * Whether an attachment, whose volume need not exist, is a node's own, for which no controller has begun
 * anything and no pod is seen there.
 */
export function isForNoPod(
  { attach, clusterVolumes, users }: BackingPorts,
  attachment: AzVolumeAttachment,
): boolean {
  const { nodeName, volumeId } = attachment.spec;
  if (attach !== "driver" || !clusterVolumes.knowsAttachments || isControllerManaged(attachment))
    return false;
  return users.cachedOn({ nodeName, volumeId }).kind === "unused";
}

function isControllerManaged({ metadata, status }: AzVolumeAttachment): boolean {
  return (
    metadata.labels?.[PLACED_BY_LABEL] !== undefined || (status !== undefined && status.state !== "Pending")
  );
}

/**
 * Only where controllers have written it: a node may itself report that it is clean, and by its
 * checkpoints that it may have the disk.
 */
function isNamedAsHolder(volume: AzVolume, nodeName: string): boolean {
  return isNamed(volume.status?.record, nodeName, "writer", "fencing", "confirmed");
}
