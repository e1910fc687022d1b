import { observeNode } from "../../../controller/observe-volume.ts";
import { releaseCheck } from "../../../controller/writer/release-check.ts";
import type { AzVolumeAttachment } from "../../../core/api/az-volume-attachment.ts";
import type { AzVolume, WriterRecord } from "../../../core/api/az-volume.ts";
import type { AttachmentIdentity } from "../../../core/api/identity/attachment-identity.ts";
import { identityOf, isSameNode, type NodeIdentity } from "../../../core/api/identity/node-identity.ts";
import { attachmentObjectName } from "../../../core/api/object-names.ts";
import { isRecordMissing, keepsReplicas } from "../../../core/attachment/observed-volume.ts";
import { isSameResourceUri } from "../../../core/azure/ids/disk-uri.ts";
import type { Failure } from "../../../core/failure/failure.ts";
import { fail, ok, type Result } from "../../../core/failure/result.ts";
import { unverifiedOn } from "../../../core/writer/record/unverified-on.ts";
import { revoke, type Step, withdraw } from "../../../core/writer/record/writer-steps.ts";
import { attachmentsNow } from "../../../objects/cache/attachments-now.ts";
import { readAttachment } from "../../../objects/named-attachment.ts";
import { moveRecord } from "../../../objects/update-record.ts";
import { withdrawRequest, requestWriter } from "../../../objects/writer-request.ts";
import type {
  ControllerUnpublishVolumeRequest,
  ControllerUnpublishVolumeResponse,
} from "../../gen/csi/v1/csi.ts";
import { publicationKey } from "../../messages/publication-key.ts";
import { missingField } from "../../messages/required.ts";
import { waitingTimeMs } from "../../messages/waiting-time.ts";
import type { CallContext } from "../../server/unary-handler.ts";
import { confirmGone } from "../confirm-gone.ts";
import type { ControllerContext } from "../controller-context.ts";
import { findOrAdopt } from "../find-or-adopt.ts";
import { requireIncarnation } from "../require-incarnation.ts";

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
): Promise<Result<ControllerUnpublishVolumeResponse, Failure>> {
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
): Promise<Result<ControllerUnpublishVolumeResponse, Failure>> {
  const found = await findOrAdopt(context, request.volumeId, undefined, call.signal);
  // CSI: a volume that is gone is published nowhere.
  if (!found.ok) return found.failure.kind === "VolumeNotFound" ? ok({}) : found;
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
): Promise<Result<AzVolume, Failure>> {
  const fresh = await store.get("AzVolume", volume.metadata.name, signal);
  if (fresh.ok) cache.remember("AzVolume", fresh.value);
  return fresh.ok || fresh.failure.kind !== "ObjectNotFound" ? fresh : ok(volume);
}

/**
 * Without a node id CSI means every node that the volume is published to, also one that this replica's
 * cache does not show yet.
 */
async function nodesToUnpublish(
  context: ControllerContext,
  volume: AzVolume,
  nodeId: string,
  signal: AbortSignal,
): Promise<Result<readonly string[], Failure>> {
  if (nodeId !== "") return ok([nodeId]);
  const attachments = await attachmentsNow(context, { volumeName: volume.metadata.name }, signal);
  return attachments.ok
    ? ok(attachments.value.filter(({ spec }) => spec.role === "Primary").map(({ spec }) => spec.nodeName))
    : attachments;
}

/** A node that the volume is unpublished from, as the orchestrator reports it when the call begins. */
interface UnpublishedNode {
  readonly nodeName: string;
  readonly isOutOfService: boolean;
  /** It is out of service, or no node of that name exists. */
  readonly isLost: boolean;
}

/** Reads past the cache, which may not show yet that a Node was recreated. */
async function lookAtNode(
  { clusterVolumes, users }: ControllerContext,
  nodeName: string,
  signal: AbortSignal,
): Promise<UnpublishedNode> {
  if (await users.isOutOfService(nodeName, signal)) return { nodeName, isOutOfService: true, isLost: true };
  const isGone =
    users.cachedNode(nodeName).isGone && (await clusterVolumes.nodePresence(nodeName, signal)) === "gone";
  return { nodeName, isOutOfService: false, isLost: isGone };
}

/** `volume`: as it was just read. */
async function unpublishFrom(
  context: ControllerContext,
  volume: AzVolume,
  volumeId: string,
  nodeName: string,
  call: CallContext,
): Promise<Result<void, Failure>> {
  const { signal } = call;
  const node = await lookAtNode(context, nodeName, signal);
  const { isOutOfService } = node;
  const inUse = isOutOfService ? undefined : await usersThere(context, volume, volumeId, node, signal);
  if (inUse !== undefined) return fail(inUse);
  const seen = (name: string): AzVolumeAttachment | undefined =>
    context.cache.get("AzVolumeAttachment", name);
  const ended = await withdrawRequest(context, { volumeId, nodeName, keepsPrimary: false, seen }, signal);
  if (!ended.ok) return ended;
  const volumeName = volume.metadata.name;
  const released = await releaseRecord(context, { volumeName, volumeId, nodeName, isOutOfService }, signal);
  if (!released.ok) return released;
  const isKept = keepsReplicas(volume) && context.settings.unpublish === "demote" && !isOutOfService;
  if (!isKept) {
    const deleted = await deleteAttachment(context, { diskUri: volumeId, nodeName }, ended.value, signal);
    if (!deleted.ok) return deleted;
  }
  return waitUntilReleased(context, { volume, volumeId, node, isKept }, call);
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
): Promise<Result<void, Failure>> {
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

/**
 * Why the node keeps the volume: it has a user there, or that can't be determined yet. Then it stays
 * published, and its request is renewed: an earlier call may have withdrawn it before that user came,
 * and got no further.
 */
async function usersThere(
  context: ControllerContext,
  volume: AzVolume,
  volumeId: string,
  node: UnpublishedNode,
  signal: AbortSignal,
): Promise<Failure | undefined> {
  if (isRecordMissing(volume)) return notLookedAt(volumeId);
  const record = volume.status?.record;
  // Not known yet whether the node writes; its VM has to report clean or reclaim.
  const unverified = unverifiedThere(context, record, node);
  if (unverified.length > 0) return { kind: "WriterRecordUnverified", volumeId, nodes: unverified };
  const { nodeName } = node;
  const writer = record?.writer;
  if (writer?.nodeName !== nodeName || !writer.held) return undefined;
  const use = await context.users.on({ nodeName, volumeId }, signal);
  if (use.kind !== "used") return undefined;
  // An unrequested holder is being released already, and releases the volume before that user can be
  // served.
  const renewed = writer.requested ? await renewRequest(context, volume, nodeName, signal) : ok(undefined);
  return renewed.ok ? { kind: "VolumeInUse", volumeId, nodeName, users: use.users } : renewed.failure;
}

/**
 * CSI: a volume stays published to a node until ControllerUnpublishVolume has succeeded, so the client
 * counts as a user again.
 */
function renewRequest(
  context: ControllerContext,
  volume: AzVolume,
  nodeName: string,
  signal: AbortSignal,
): Promise<Result<unknown, Failure>> {
  return requestWriter(context, { volume, nodeName, volumeContext: {}, published: true }, signal);
}

/**
 * Withdraws the request from the record: at once for a node that is out of service or does not hold the
 * volume, else by the release check.
 */
async function releaseRecord(
  context: ControllerContext,
  target: {
    readonly volumeName: string;
    readonly volumeId: string;
    readonly nodeName: string;
    readonly isOutOfService: boolean;
  },
  signal: AbortSignal,
): Promise<Result<void, Failure>> {
  const { volumeName, volumeId, nodeName, isOutOfService } = target;
  const fresh = await context.store.get("AzVolume", volumeName, signal);
  if (!fresh.ok) return fresh.failure.kind === "ObjectNotFound" ? ok(undefined) : fresh;
  // The cache may not show yet what another replica published: the wait for the release starts here.
  context.cache.remember("AzVolume", fresh.value);
  const writer = fresh.value.status?.record?.writer;
  if (writer === undefined || writer.nodeName !== nodeName || !writer.requested) return ok(undefined);
  const node = identityOf(writer);
  if (isOutOfService || !writer.held) {
    const unrequested = await moveRecord(
      context,
      { volumeName, nodeName, step: "withdraw", justRead: fresh.value },
      (record) => withdrawFrom(record, node, isOnItsVm(context, writer)),
      signal,
    );
    return unrequested.ok || unrequested.failure.kind === "NotWriter" ? ok(undefined) : unrequested;
  }
  const released = await releaseCheck(context, { volumeName, volumeId, node }, signal);
  if (!released.ok) return released.failure.kind === "NotWriter" ? ok(undefined) : released;
  if (released.value.kind === "released") return ok(undefined);
  const renewed = await renewRequest(context, fresh.value, nodeName, signal);
  if (!renewed.ok) return renewed;
  const { use } = released.value;
  if (use.kind === "used") return fail({ kind: "VolumeInUse", volumeId, nodeName, users: use.users });
  return fail({
    kind: "StillWaiting",
    volumeId,
    what:
      `${nodeName} to release it: it is unknown now whether a workload uses it ` +
      `there${use.kind === "unknown" && use.because !== undefined ? ` (${use.because})` : ""}`,
  });
}

/** *withdraw*, and with `revokes` also *revoke*, which a writer that holds the volume survives. */
function withdrawFrom(record: WriterRecord, node: NodeIdentity, revokes: boolean): Step {
  const withdrawn = withdraw(record, node);
  if (!withdrawn.ok || !revokes) return withdrawn;
  const revoked = revoke(withdrawn.value);
  return revoked.ok ? revoked : withdrawn;
}

/**
 * Whether the node of that name is known to be the writer's VM, at its resource id. If not, a grant that is
 * not held says nothing: another VM's token may have released it, and the leading controller looks into it.
 */
function isOnItsVm(context: ControllerContext, writer: NodeIdentity): boolean {
  const driverNode = context.cache.get("AzDriverNode", writer.nodeName);
  const present = driverNode === undefined ? undefined : observeNode(context, driverNode);
  return (
    present !== undefined &&
    isSameNode(present, writer) &&
    isSameResourceUri(present.instanceUri, writer.instanceUri)
  );
}

async function waitUntilReleased(
  context: ControllerContext,
  target: {
    readonly volume: AzVolume;
    readonly volumeId: string;
    readonly node: UnpublishedNode;
    readonly isKept: boolean;
  },
  call: CallContext,
): Promise<Result<void, Failure>> {
  const { signal } = call;
  const { volume, volumeId, node, isKept } = target;
  const { nodeName } = node;
  const wait = { timeoutMs: waitingTimeMs(context, call, context.limits.waitMaxMs), clock: context.clock };
  const isReleased = (present: AzVolume | undefined): boolean => {
    if (present === undefined) return true;
    const record = present.status?.record;
    // A volume recreated during the call has no record at first; the record that it gets has no writer,
    // and an unverified node.
    return (
      !isRecordMissing(present) &&
      record?.writer?.nodeName !== nodeName &&
      unverifiedThere(context, record, node).length === 0
    );
  };
  const released = await context.cache.waitUntil("AzVolume", volume.metadata.name, isReleased, wait, signal);
  if (!released) return fail(whyHeld(context, volume, volumeId, node));
  const present = context.cache.get("AzVolume", volume.metadata.name);
  if (present === undefined) return confirmGone(context, volumeId, "to be looked at", signal);
  const record = present.status?.record;
  // The writer in a restored backup proves nothing.
  const confirmed = await context.gracePeriod.confirm(
    waitingTimeMs(context, call, context.limits.waitMaxMs),
    signal,
  );
  if (!confirmed.ok) return confirmed;
  const required = requireIncarnation(record, confirmed.value, volumeId);
  if (!required.ok) return required;
  if (isKept) return ok(undefined);
  const attachmentName = attachmentObjectName({ diskUri: volumeId, nodeName });
  const detached = await context.cache.waitUntil(
    "AzVolumeAttachment",
    attachmentName,
    (present) => present === undefined,
    wait,
    signal,
  );
  if (!detached) {
    const error = context.cache.get("AzVolumeAttachment", attachmentName)?.status?.error;
    return fail({
      kind: "StillWaiting",
      volumeId,
      what: `its detach from ${nodeName}${error === undefined ? "" : ` (${error.message})`}`,
    });
  }
  // A detach takes long: in that time the node may have been granted the volume again, and its
  // attachment recreated.
  const last = await context.store.get("AzVolume", volume.metadata.name, signal);
  if (!last.ok)
    return last.failure.kind === "ObjectNotFound"
      ? confirmGone(context, volumeId, "to be looked at", signal)
      : last;
  context.cache.remember("AzVolume", last.value);
  return isReleased(last.value) ? ok(undefined) : fail(whyHeld(context, volume, volumeId, node));
}

function whyHeld(
  context: ControllerContext,
  volume: AzVolume,
  volumeId: string,
  node: UnpublishedNode,
): Failure {
  const { nodeName } = node;
  const present = context.cache.get("AzVolume", volume.metadata.name);
  if (present !== undefined && isRecordMissing(present)) return notLookedAt(volumeId);
  const record = present?.status?.record;
  const unverified = unverifiedThere(context, record, node);
  if (unverified.length > 0) return { kind: "WriterRecordUnverified", volumeId, nodes: unverified };
  if (record?.fencing?.nodeName === nodeName)
    return { kind: "StillWaiting", volumeId, what: `proof that ${nodeName} is fenced from the disk` };
  return {
    kind: "StillWaiting",
    volumeId,
    what: `${nodeName} to unmount and release it; if that node is dead, mark it out of service`,
  };
}

/** The object was recreated, and its disk has not been read yet. */
function notLookedAt(volumeId: string): Failure {
  return { kind: "StillWaiting", volumeId, what: "its disk to be looked at" };
}

/** The names of the record's unverified entries that may be of the node's VM. */
function unverifiedThere(
  { users }: ControllerContext,
  record: WriterRecord | undefined,
  { nodeName, isLost }: UnpublishedNode,
): readonly string[] {
  const { instanceUri } = users.cachedNode(nodeName);
  return unverifiedOn(record, { nodeName, instanceUri, isLost }).map((entry) => entry.nodeName);
}
