import type { AzVolumeAttachment } from "../../core/api/az-volume-attachment.ts";
import type { AzVolume } from "../../core/api/az-volume.ts";
import { isForeign } from "../../core/api/node-identity.ts";
import { labelValue } from "../../core/api/object-names.ts";
import { isSameResourceUri } from "../../core/azure/disk-uri.ts";
import { ok } from "../../core/failure/result.ts";
import { namedAttachment } from "../../objects/named-attachment.ts";
import { placedAttachment } from "../../objects/new-attachment.ts";
import { changeStatus } from "../../objects/update-object.ts";
import type { Reconciled } from "../../runtime/queue/control-loop.ts";
import { createAttachment } from "../attachment/ignored-attachment.ts";
import type { AdoptionPorts } from "../controller-ports.ts";
import type { DiskHolder } from "./adopt-disk.ts";

type AttachmentStatus = NonNullable<AzVolumeAttachment["status"]>;

/**
 * Creates the AzVolumeAttachments of nodes that already have an adopted disk attached, as replicas: the
 * node that writes reclaims. Existing ones are corrected: an interrupted attach or detach must not hide
 * where the disk is. A disk that is being detached keeps its place, marked so that nothing is staged
 * before the VM is read again: the detach would take the disk from a writer. Idempotent.
 */
export async function recordHolders(
  ports: AdoptionPorts,
  { metadata, spec }: AzVolume,
  diskUri: string,
  holders: readonly DiskHolder[],
  signal: AbortSignal,
): Promise<Reconciled> {
  const volumeName = metadata.name;
  for (const { node, lun, isLeaving } of holders) {
    if (lun === undefined || isForeign(node)) continue;
    const replica = placedAttachment({
      volumeName,
      volumeId: diskUri,
      nodeName: node.nodeName,
      role: "Replica",
      readOnly: false,
      volumeContext: spec.volumeContext,
    });
    const created = await createAttachment(ports, replica, signal);
    if (!created.ok && created.failure.kind !== "ObjectAlreadyExists") return created;
    const recorded = await changeStatus(
      ports.store,
      namedAttachment({ volumeName, diskUri, nodeName: node.nodeName }),
      (present) =>
        isRecorded(present, { node, lun, isLeaving })
          ? undefined
          : { ...present, status: attachedStatus(present.status, { node, lun, isLeaving }) },
      signal,
    );
    if (!recorded.ok) return recorded;
  }
  return ok({});
}

/**
 * Resets the attachments of nodes that do not have the disk: an outdated LUN would lead to another
 * volume's disk.
 */
export async function forgetOthers(
  ports: AdoptionPorts,
  volumeName: string,
  holders: readonly DiskHolder[],
  signal: AbortSignal,
): Promise<Reconciled> {
  const listed = await ports.store.list(
    "AzVolumeAttachment",
    { "disk.csi.azure.com/volume-name": labelValue(volumeName) },
    signal,
  );
  if (!listed.ok) return listed;
  for (const { metadata, spec } of listed.value.items) {
    if (spec.volumeName !== volumeName || holders.some(({ node }) => node.nodeName === spec.nodeName))
      continue;
    const forgotten = await changeStatus(
      ports.store,
      { kind: "AzVolumeAttachment", name: metadata.name },
      (present) =>
        present.status === undefined || present.status.state === "Pending"
          ? undefined
          : { ...present, status: { state: "Pending" } },
      signal,
    );
    if (!forgotten.ok && forgotten.failure.kind !== "ObjectNotFound") return forgotten;
  }
  return ok({});
}

/** Where a disk was found. */
type Place = { readonly [K in keyof DiskHolder]: NonNullable<DiskHolder[K]> };

function isRecorded({ status }: AzVolumeAttachment, { node, lun, isLeaving }: Place): boolean {
  if (status?.state !== "Attached" || status.lun !== lun || status.vmId !== node.vmId) return false;
  return (
    isSameResourceUri(status.instanceUri ?? "", node.instanceUri) &&
    (status.deviceMissing ?? false) === isLeaving
  );
}

function attachedStatus(
  present: AttachmentStatus | undefined,
  { node, lun, isLeaving }: Place,
): AttachmentStatus {
  const { error: _, deviceMissing: __, provenOff: ___, ...status } = present ?? { state: "Attached" };
  const place = { vmId: node.vmId, instanceUri: node.instanceUri, lun };
  return { ...status, ...place, state: "Attached", ...(isLeaving ? { deviceMissing: true } : {}) };
}
