import type { AzVolumeAttachment } from "../core/api/az-volume-attachment.ts";
import { type AttachmentIdentity, isAttachmentOf } from "../core/api/identity/attachment-identity.ts";
import { attachmentObjectName } from "../core/api/object-names.ts";
import { fail, type Result } from "../core/failure/result.ts";
import type { ObjectStore } from "../ports/store/object-store.ts";
import type { ChangeTarget } from "./update-object.ts";

/**
 * The attachment of a disk to a node, to read or change under the name that follows from both. Another
 * object under that name is ignored.
 */
export function namedAttachment(
  identity: AttachmentIdentity,
): ChangeTarget<"AzVolumeAttachment"> & { readonly isTarget: (object: AzVolumeAttachment) => boolean } {
  return {
    kind: "AzVolumeAttachment",
    name: attachmentObjectName(identity),
    isTarget: (object) => isAttachmentOf(object, identity),
  };
}

/**
 * Reads the attachment of a disk to a node, uncached. Fails with `ObjectNotFound` where another object
 * has its name, and as the store does.
 */
export async function readAttachment(
  store: Pick<ObjectStore, "get">,
  identity: AttachmentIdentity,
  signal: AbortSignal,
): Promise<Result<AzVolumeAttachment>> {
  const { kind, name, isTarget } = namedAttachment(identity);
  const read = await store.get(kind, name, signal);
  return !read.ok || isTarget(read.value) ? read : fail({ kind: "ObjectNotFound", objectKind: kind, name });
}
