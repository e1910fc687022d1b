import type { AzVolumeAttachment } from "../../core/api/az-volume-attachment.ts";
import type { AzVolume } from "../../core/api/az-volume.ts";
import { ATTACHMENT_FINALIZER } from "../../core/api/finalizers.ts";
import { attachmentProblem } from "../../core/api/identity/attachment-identity.ts";
import { resourceUriKey } from "../../core/azure/ids/disk-uri.ts";
import { ok, type Result } from "../../core/failure/result.ts";
import { ignoreNotFound } from "../../objects/ignore-not-found.ts";
import { removeFinalizer } from "../../objects/remove-finalizer.ts";
import type { Reconciled } from "../../runtime/queue/control-loop.ts";
import { readDiskUnlessGone } from "../adoption/confirm-disk-gone.ts";
import type { AttachmentPorts, ControllerPorts } from "../controller-ports.ts";
import { nodeNameOf } from "../node-of-vm.ts";

/** How often Azure is asked whether an ignored attachment has its disk on its node, in milliseconds. */
const IGNORED_AGAIN_MS = 30_000;

/**
 * Reports an AzVolumeAttachment whose name, volume and disk contradict each other, and deletes it: the
 * driver may need its name. One whose disk is on its node, according to Azure, stays until another object
 * records that.
 */
export async function removeIgnored(
  ports: AttachmentPorts,
  name: string,
  signal: AbortSignal,
): Promise<Reconciled> {
  const read = await ports.store.get("AzVolumeAttachment", name, signal);
  if (!read.ok) return ignoreNotFound(read);
  const attachment = read.value;
  const volume = await ports.store.get("AzVolume", attachment.spec.volumeName, signal);
  if (!volume.ok && volume.failure.kind !== "ObjectNotFound") return volume;
  const because = attachmentProblem(attachment, volume.ok ? volume.value : undefined);
  return because === undefined ? ok({}) : removeInconsistent(ports, attachment, because, signal);
}

/** The same for an object that was just read and whose problem is known. */
export async function removeInconsistent(
  ports: AttachmentPorts,
  attachment: AzVolumeAttachment,
  because: string,
  signal: AbortSignal,
): Promise<Reconciled> {
  emitIgnored(ports, attachment, because);
  const isNeeded = await isOnlyTrace(ports, attachment, signal);
  if (!isNeeded.ok) return isNeeded;
  if (isNeeded.value) return ok({ requeueAfterMs: IGNORED_AGAIN_MS });
  const removed = await deleteWithoutDetach(ports, attachment, signal);
  return ignoreNotFound(removed);
}

/**
 * Whether the object is the only trace of a disk on its node. The controller attaches nothing for an
 * ignored object, but this one was consistent at some time.
 */
async function isOnlyTrace(
  ports: AttachmentPorts,
  { metadata, spec, status }: AzVolumeAttachment,
  signal: AbortSignal,
): Promise<Result<boolean>> {
  const { cache, cloud } = ports;
  if (status === undefined || status.state === "Pending") return ok(false);
  const isOwner = (volume: AzVolume): boolean =>
    attachmentProblem({ metadata, spec: { ...spec, volumeName: volume.metadata.name } }, volume) ===
    undefined;
  // Recovery creates the attachment of that volume from Azure's state.
  if (cache.byIndex("AzVolume", "diskUri", resourceUriKey(spec.volumeId)).some(isOwner)) return ok(false);
  const disk = await readDiskUnlessGone(cloud, spec.volumeId, signal);
  if (!disk.ok) return disk;
  const attachedTo = disk.value?.attachedTo ?? [];
  return ok(attachedTo.some((instanceUri) => nodeNameOf(ports, instanceUri) === spec.nodeName));
}

/**
 * Deletes exactly this object, as it was read. Nothing is detached: the driver has attached nothing by
 * it. Fails with `ObjectConflict` if it has changed since.
 */
export async function deleteWithoutDetach(
  { store, logger }: Pick<ControllerPorts, "store" | "logger">,
  attachment: AzVolumeAttachment,
  signal: AbortSignal,
): Promise<Result<unknown>> {
  const { name, uid, resourceVersion } = attachment.metadata;
  const deleted = await store.delete("AzVolumeAttachment", name, { uid, resourceVersion }, signal);
  if (!deleted.ok) return deleted;
  logger.warn("unattached attachment deleted", { attachmentName: name, nodeName: attachment.spec.nodeName });
  return removeFinalizer(store, { kind: "AzVolumeAttachment", name, uid }, ATTACHMENT_FINALIZER, signal);
}

export function emitIgnored(
  { events }: Pick<ControllerPorts, "events">,
  { metadata, spec }: AzVolumeAttachment,
  because: string,
): void {
  const message = `AzVolumeAttachment ${metadata.name} of node ${spec.nodeName} is ignored: ${because}`;
  events.emit({ about: { kind: "Node", name: spec.nodeName }, reason: "AttachmentIgnored", message });
}
