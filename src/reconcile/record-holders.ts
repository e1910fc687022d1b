import type { VolumeDetail } from "../core/model/az-volume.ts";
import { attachmentObjectName, labelValue } from "../core/model/object-names.ts";
import { ok } from "../core/result.ts";
import { type DiskHolder, isForeign } from "./adopt-disk.ts";
import { changeStatus } from "./change-object.ts";
import type { Reconciled } from "./control-loop.ts";
import { ATTACHMENT_FINALIZER, type ControllerPorts } from "./controller-ports.ts";

/** Makes the AzVolumeAttachments of nodes that have an adopted disk attached already, as replicas: whoever writes will claim. Doing it again changes nothing. */
export async function recordHolders(
  ports: ControllerPorts,
  volume: { readonly volumeName: string; readonly detail: VolumeDetail },
  holders: readonly DiskHolder[],
  signal: AbortSignal,
): Promise<Reconciled> {
  const { volumeName, detail } = volume;
  for (const { node, lun } of holders) {
    if (lun === undefined || isForeign(node)) continue;
    const name = attachmentObjectName({ diskUri: detail.diskUri, nodeName: node.nodeName });
    const created = await ports.store.create(
      "AzVolumeAttachment",
      {
        metadata: {
          name,
          finalizers: [ATTACHMENT_FINALIZER],
          labels: { "disk.csi.azure.com/volume-name": labelValue(volumeName), "disk.csi.azure.com/node-name": labelValue(node.nodeName) },
        },
        spec: {
          volumeName,
          volumeId: detail.diskUri,
          nodeName: node.nodeName,
          role: "Replica",
          readOnly: false,
          volumeContext: detail.volumeContext,
        },
      },
      signal,
    );
    if (!created.ok && created.failure.kind !== "ObjectAlreadyExists") return created;
    const recorded = await changeStatus(
      ports.store,
      { kind: "AzVolumeAttachment", name },
      (present) =>
        present.status === undefined ? { ...present, status: { state: "Attached", vmId: node.vmId, lun, publishContext: { LUN: String(lun) } } } : undefined,
      signal,
    );
    if (!recorded.ok) return recorded;
  }
  return ok({});
}
