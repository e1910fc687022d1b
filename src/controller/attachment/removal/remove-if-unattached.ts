import type { AzVolumeAttachment } from "../../../core/api/az-volume-attachment.ts";
import type { AzVolume } from "../../../core/api/az-volume.ts";
import { recordedVm } from "../../../core/attachment/attachment-state.ts";
import type { AttachmentAction } from "../../../core/attachment/plan-attachment.ts";
import { ok } from "../../../core/failure/result.ts";
import { ignoreNotFound } from "../../../objects/ignore-not-found.ts";
import type { Reconciled } from "../../../runtime/queue/control-loop.ts";
import { readAndCompare } from "../../adoption/compare-attachments.ts";
import type { AttachmentPorts } from "../../controller-ports.ts";
import { nodeNameOf } from "../../node-of-vm.ts";
import { refusedFor, removeAttachment } from "../attachment-object.ts";
import { mayDetachNow } from "./detach.ts";

/**
 * Removes an attachment whose attach was never begun. First asks Azure whether the node's VM has the
 * disk all the same: then a person attached it, the record distrusts the node, the attachment records
 * where the disk is, and it stays until the node is clean. Detaches nothing.
 */
export async function removeIfUnattached(
  ports: AttachmentPorts,
  volume: AzVolume,
  attachment: AzVolumeAttachment,
  { node }: Extract<AttachmentAction, { kind: "RemoveUnattached" }>,
  signal: AbortSignal,
): Promise<Reconciled> {
  const { nodeName } = attachment.spec;
  const compared = await readAndCompare(
    ports,
    {
      volume,
      isWorthIt: ({ attachedTo }) =>
        attachedTo.some((instanceUri) => nodeNameOf(ports, instanceUri) === nodeName),
    },
    signal,
  );
  if (!compared.ok) return compared;
  const present = await ports.store.get("AzVolumeAttachment", attachment.metadata.name, signal);
  if (!present.ok) return ignoreNotFound(present);
  // It was found there: the new status triggers the next plan.
  if (recordedVm(present.value) !== undefined) return ok({});
  // According to the record as it is now, the node may write, or the record is being rebuilt.
  if (node !== undefined && !(await mayDetachNow(ports, attachment, node, signal)))
    return refusedFor(attachment);
  return removeAttachment(ports, attachment, signal);
}
