import type { AzVolumeAttachment } from "../../core/api/az-volume-attachment.ts";
import { isAttachmentOf } from "../../core/api/identity/attachment-identity.ts";
import type { Result } from "../../core/failure/result.ts";
import type { NewObject } from "../../ports/store/object-store.ts";
import type { ControllerPorts } from "../controller-ports.ts";
import { deleteWithoutDetach, emitIgnored } from "./ignored-attachment.ts";

/** Creates an attachment. An object of another volume or node under its name is deleted, with an event. */
export async function createAttachment(
  ports: Pick<ControllerPorts, "store" | "events" | "logger">,
  attachment: NewObject<"AzVolumeAttachment">,
  signal: AbortSignal,
): Promise<Result<AzVolumeAttachment>> {
  const created = await ports.store.create("AzVolumeAttachment", attachment, signal);
  if (created.ok || created.failure.kind !== "ObjectAlreadyExists") return created;
  const { volumeName, volumeId, nodeName } = attachment.spec;
  const found = await ports.store.get("AzVolumeAttachment", attachment.metadata.name, signal);
  if (!found.ok) return found;
  if (isAttachmentOf(found.value, { volumeName, diskUri: volumeId, nodeName })) return created;
  emitIgnored(ports, found.value, `it has the name of the attachment of ${volumeName} to ${nodeName}`);
  const removed = await deleteWithoutDetach(ports, found.value, signal);
  if (!removed.ok && removed.failure.kind !== "ObjectNotFound") return removed;
  return ports.store.create("AzVolumeAttachment", attachment, signal);
}
