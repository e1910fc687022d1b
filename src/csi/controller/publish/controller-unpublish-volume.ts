import type { AzVolumeAttachment } from "../../../core/api/az-volume-attachment.ts";
import type { AzVolume } from "../../../core/api/az-volume.ts";
import type { AttachmentIdentity } from "../../../core/api/identity/attachment-identity.ts";
import { isTerminating, keepsReplicas } from "../../../core/attachment/observed-volume.ts";
import type { Failure } from "../../../core/failure/failure.ts";
import { fail, ok, type Result } from "../../../core/failure/result.ts";
import { isSingleWriter } from "../../../core/volume/access-modes.ts";
import { nodesIn } from "../../../core/writer/record/record-nodes.ts";
import { attachmentsNow } from "../../../objects/cache/attachments-now.ts";
import { readAttachment } from "../../../objects/named-attachment.ts";
import { withdrawRequest } from "../../../objects/writer-request.ts";
import type {
  ControllerUnpublishVolumeRequest,
  ControllerUnpublishVolumeResponse,
} from "../../gen/csi/v1/csi.ts";
import { publicationKey } from "../../messages/publication-key.ts";
import { missingField } from "../../messages/required.ts";
import { waitingTimeMs } from "../../messages/waiting-time.ts";
import type { CallContext } from "../../server/unary-handler.ts";
import type { ControllerContext } from "../controller-context.ts";
import { findOrAdopt } from "../find-or-adopt.ts";
import { confirmOffVm, isUnreadable } from "./confirm-off-vm.ts";
import { toUnstage, unpublishObstacle } from "./unpublish-obstacle.ts";
import { readUnpublishedNode } from "./unpublished-node.ts";
import { waitUntilReleased } from "./wait-until-released.ts";
import { withdrawFromRecord } from "./withdraw-from-record.ts";

/**
 * ControllerUnpublishVolume: withdraws the node's request. Answers once the node is no longer the
 * writer and, where no replica is kept there, once the disk is detached. A node that has not released
 * the volume is recalled, and fenced where the rules allow it. A node with a healthy user is never
 * fenced: FAILED_PRECONDITION naming the user.
 */
export async function controllerUnpublishVolume(
  context: ControllerContext,
  request: ControllerUnpublishVolumeRequest,
  call: CallContext,
): Promise<Result<ControllerUnpublishVolumeResponse>> {
  const missing = missingField({ volume_id: request.volumeId });
  if (missing !== undefined) return fail(missing);
  return context.locks.run(publicationKey(request), "ControllerUnpublishVolume", () =>
    unpublish(context, request, call),
  );
}

async function unpublish(
  context: ControllerContext,
  request: ControllerUnpublishVolumeRequest,
  call: CallContext,
): Promise<Result<ControllerUnpublishVolumeResponse>> {
  const found = await findOrAdopt(context, request.volumeId, undefined, call.signal);
  // CSI: a volume that is gone is published nowhere.
  if (!found.ok && found.failure.kind === "VolumeNotFound") return ok({});
  if (!found.ok && isUnreadable(found.failure)) {
    const { volumeId, nodeId: nodeName } = request;
    const target = { volumeId, nodeName, unreadable: found.failure };
    const off = await confirmOffVm(context, target, call.signal);
    return off.ok ? ok({}) : off;
  }
  if (!found.ok) return found;
  context.cache.remember("AzVolume", found.value);
  const nodes = await nodesToUnpublish(context, found.value, request.nodeId, call.signal);
  if (!nodes.ok) return nodes;
  for (const [index, nodeName] of nodes.value.entries()) {
    // Releasing the nodes before it may have taken long.
    const volume = index === 0 ? found : await readAgain(context, found.value, call.signal);
    if (!volume.ok) return volume;
    const done = await unpublishFrom(context, volume.value, request.volumeId, nodeName, call);
    if (!done.ok) return done;
  }
  return ok({});
}

/** The volume past the cache, or as it was last read where it is gone by now. */
async function readAgain(
  { store, cache }: ControllerContext,
  volume: AzVolume,
  signal: AbortSignal,
): Promise<Result<AzVolume>> {
  const fresh = await store.get("AzVolume", volume.metadata.name, signal);
  if (fresh.ok) cache.remember("AzVolume", fresh.value);
  return fresh.ok || fresh.failure.kind !== "ObjectNotFound" ? fresh : ok(volume);
}

/**
 * Without a node id CSI means every node that the volume is published to, also one that this
 * controller's cache does not show yet, and one from which an earlier call has not finished to unpublish it.
 */
async function nodesToUnpublish(
  context: ControllerContext,
  volume: AzVolume,
  nodeId: string,
  signal: AbortSignal,
): Promise<Result<readonly string[]>> {
  if (nodeId !== "") return ok([nodeId]);
  const attachments = await attachmentsNow(context, { volumeName: volume.metadata.name }, signal);
  if (!attachments.ok) return attachments;
  const left = attachments.value.filter(
    (attachment) =>
      attachment.spec.role === "Primary" || attachment.spec.staged === true || isTerminating(attachment),
  );
  const writers = nodesIn(volume.status?.record, "writer", "fencing");
  return ok([...new Set([...left.map(({ spec }) => spec.nodeName), ...writers.map((one) => one.nodeName)])]);
}

async function unpublishFrom(
  context: ControllerContext,
  volume: AzVolume,
  volumeId: string,
  nodeName: string,
  call: CallContext,
): Promise<Result<void>> {
  const { signal } = call;
  const node = await readUnpublishedNode(context, nodeName, signal);
  const { isOutOfService } = node;
  const target = { volume, volumeId, node };
  const inUse = isOutOfService ? undefined : await unpublishObstacle(context, target, signal);
  if (inUse !== undefined) return fail(inUse);
  const seen = (name: string): AzVolumeAttachment | undefined =>
    context.cache.get("AzVolumeAttachment", name);
  const isShared = !isSingleWriter(volume.spec.capabilities);
  const withdrawal = { volumeId, nodeName, keepsPrimary: false, isShared, seen };
  const withdrawn = await withdrawRequest(context, withdrawal, signal);
  if (!withdrawn.ok) return withdrawn;
  const staged = withdrawn.value?.spec.staged === true ? withdrawn.value : undefined;
  const notUnstaged =
    staged === undefined || node.isLost ? undefined : await waitUntilUnstaged(context, staged, call);
  if (notUnstaged !== undefined) return fail(notUnstaged);
  const recordWithdrawn = await withdrawFromRecord(context, target, signal);
  if (!recordWithdrawn.ok) return recordWithdrawn;
  // An attachment that is gone may have been erased while its node has the disk, and writes.
  const isErased = isShared && withdrawn.value === undefined;
  const isLeftStaged = staged !== undefined && node.isLost;
  const isKept =
    keepsReplicas(volume) &&
    context.settings.unpublish === "demote" &&
    !isOutOfService &&
    !isLeftStaged &&
    !isErased;
  if (!isKept) {
    const deleted = await deleteAttachment(context, { diskUri: volumeId, nodeName }, withdrawn.value, signal);
    if (!deleted.ok) return deleted;
  }
  return waitUntilReleased(context, { ...target, isKept }, call);
}

/**
 * Waits until a node has taken back the mark that it has staged a volume without a record: no release shows
 * that, since nothing is released. Without a request the node stages nothing more, and itself unstages what
 * no pod has there: the client may wait for this call before it does. `marked`: the attachment as the store
 * has it. Answers what is still waited for.
 */
async function waitUntilUnstaged(
  context: ControllerContext,
  marked: AzVolumeAttachment,
  call: CallContext,
): Promise<Failure | undefined> {
  const { cache, limits } = context;
  const { nodeName, volumeId } = marked.spec;
  cache.remember("AzVolumeAttachment", marked);
  const isUnstaged = await cache.waitUntil(
    "AzVolumeAttachment",
    marked.metadata.name,
    (present) => present?.spec.staged !== true,
    waitingTimeMs(context, call, limits.waitMaxMs),
    call.signal,
  );
  if (isUnstaged) return undefined;
  return { kind: "StillWaiting", volumeId, what: toUnstage(nodeName) };
}

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
async function deleteAttachment(
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
