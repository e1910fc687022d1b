import { PLACED_BY_LABEL } from "../core/model/attachment-labels.ts";
import type { AzVolumeAttachment } from "../core/model/az-volume-attachment.ts";
import type { AzVolume } from "../core/model/az-volume.ts";
import { isLeaving } from "../core/plan/observed-volume.ts";
import type { ControllerPorts } from "./controller-ports.ts";

/** What shows whether a pod stands behind an attachment. */
export interface BackingPorts extends Pick<ControllerPorts, "attach"> {
  readonly clusterVolumes: Pick<ControllerPorts["clusterVolumes"], "knowsAttachments">;
  readonly users: Pick<ControllerPorts["users"], "cachedOn">;
}

/**
 * What of an attachment more than the node's own word stands behind; undefined: nothing. Where nodes attach by themselves, a node's token may create one for any volume, and state a
 * want in each of its own. Until a pod is seen there, nothing is attached, granted or evicted for it. An attachment that a controller placed, or has begun to attach for, stays one,
 * without the want. What the writer asks for is the release check's affair.
 */
export function backedPart(ports: BackingPorts, volume: AzVolume, attachment: AzVolumeAttachment): AzVolumeAttachment | undefined {
  const { attach, clusterVolumes, users } = ports;
  if (attach !== "driver" || !clusterVolumes.knowsAttachments || isLeaving(attachment)) return attachment;
  const { spec } = attachment;
  if (isNamedAsHolder(volume, spec.nodeName)) return attachment;
  if (users.cachedOn({ nodeName: spec.nodeName, volumeId: spec.volumeId }).kind === "used") return attachment;
  if (!isControllers(attachment)) return undefined;
  const { want: _, ...unwanted } = spec;
  return spec.want === undefined ? attachment : { ...attachment, spec: { ...unwanted, role: "Replica" } };
}

/** Whether an attachment, whose volume there need not be, is a node's own, for which no controller has begun anything and no pod is seen there. */
export function isForNoPod({ attach, clusterVolumes, users }: BackingPorts, attachment: AzVolumeAttachment): boolean {
  const { nodeName, volumeId } = attachment.spec;
  if (attach !== "driver" || !clusterVolumes.knowsAttachments || isControllers(attachment)) return false;
  return users.cachedOn({ nodeName, volumeId }).kind === "unused";
}

function isControllers({ metadata, status }: AzVolumeAttachment): boolean {
  return metadata.labels?.[PLACED_BY_LABEL] !== undefined || (status !== undefined && status.state !== "Pending");
}

/** Only where controllers have said so: of itself a node may say that it is clean, and by its notes that it may have the disk. */
function isNamedAsHolder(volume: AzVolume, nodeName: string): boolean {
  const record = volume.status?.record;
  if (record === undefined) return false;
  const verified = record.unproven.filter(({ unverified }) => unverified !== true);
  return [record.writer, record.fencing, ...verified].some((node) => node?.nodeName === nodeName);
}
