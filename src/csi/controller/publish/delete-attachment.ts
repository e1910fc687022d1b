import type { AzVolumeAttachment } from "../../../core/api/az-volume-attachment.ts";
import type { AttachmentIdentity } from "../../../core/api/identity/attachment-identity.ts";
import { fail, ok, type Result } from "../../../core/failure/result.ts";
import { readAttachment } from "../../../objects/named-attachment.ts";
import type { ControllerContext } from "../controller-context.ts";

/**
 * Controllers write to an attachment while it is being released (a recall, its role): the delete is
 * then retried on the next version.
 */
const DELETE_TRIES_MAX = 20;

/**
 * Deletes the attachment, unless it was published again in the meantime: deleting a requested
 * attachment would only delay its user. `withdrawn`: as this call has just left it, which saves the first
 * read.
 */
export async function deleteAttachment(
  context: ControllerContext,
  identity: AttachmentIdentity,
  withdrawn: AzVolumeAttachment | undefined,
  signal: AbortSignal,
): Promise<Result<void>> {
  for (let attempt = 1; ; attempt += 1) {
    const present =
      withdrawn !== undefined && attempt === 1
        ? ok(withdrawn)
        : await readAttachment(context.store, identity, signal);
    if (!present.ok) return present.failure.kind === "ObjectNotFound" ? ok(undefined) : present;
    const { name, uid, resourceVersion } = present.value.metadata;
    if (present.value.spec.writerRequest !== undefined)
      return fail({ kind: "ObjectConflict", objectKind: "AzVolumeAttachment", name });
    context.cache.remember("AzVolumeAttachment", present.value);
    const deleted = await context.store.delete("AzVolumeAttachment", name, { uid, resourceVersion }, signal);
    if (deleted.ok || deleted.failure.kind === "ObjectNotFound") return ok(undefined);
    if (deleted.failure.kind !== "ObjectConflict" || attempt >= DELETE_TRIES_MAX) return deleted;
  }
}
