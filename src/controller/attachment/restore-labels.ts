import type { AzVolumeAttachment } from "../../core/api/az-volume-attachment.ts";
import { ignoreNotFound } from "../../objects/ignore-not-found.ts";
import { withAttachmentLabels } from "../../objects/new-attachment.ts";
import { changeSpec } from "../../objects/update-object.ts";
import type { Reconciled } from "../../runtime/queue/control-loop.ts";
import type { AttachmentPorts } from "../controller-ports.ts";
import { attachmentTarget } from "./attachment-object.ts";

export function hasLabels(attachment: AzVolumeAttachment): boolean {
  return withAttachmentLabels(attachment) === undefined;
}

/**
 * Gives an attachment the labels back that a person or a tool has removed. Without that of its node the node
 * plug-in does not see it: nothing is staged by it, and nothing shows that the node is clean.
 */
export async function restoreLabels(
  ports: AttachmentPorts,
  attachment: AzVolumeAttachment,
  signal: AbortSignal,
): Promise<Reconciled> {
  const labelled = await ports.steps.run("label-nodes", () =>
    changeSpec(ports.store, attachmentTarget(ports, attachment), withAttachmentLabels, signal),
  );
  return ignoreNotFound(labelled);
}
