import type { AzVolumeAttachment } from "../../../core/api/az-volume-attachment.ts";
import { isRecordMissing } from "../../../core/attachment/observed-volume.ts";
import type { Failure } from "../../../core/failure/failure.ts";
import { ok, type Result } from "../../../core/failure/result.ts";
import { hasNoContainer, type VolumeUse } from "../../../core/schedule/volume-use.ts";
import { isSingleWriter } from "../../../core/volume/access-modes.ts";
import { readAttachment } from "../../../objects/named-attachment.ts";
import { requestWriter } from "../../../objects/writer-request.ts";
import type { ControllerContext } from "../controller-context.ts";
import { type UnpublishTarget, unverifiedNamesOf, diskNotRead } from "./unpublished-node.ts";

/** What to do where a node does not release a volume. */
export const DEAD_NODE_REMEDY = "if that node is dead, mark it out of service";

/** What is waited for where a node may have staged a volume that several nodes may write. */
export function toUnstage(nodeName: string): string {
  return `${nodeName} to unstage it; ${DEAD_NODE_REMEDY}`;
}

/**
 * Why the node keeps the volume: it has a user there, or that can't be determined yet. Then it stays
 * published. With a user its request is renewed: an earlier call may have withdrawn it before that user
 * came, and got no further.
 */
export async function unpublishObstacle(
  context: ControllerContext,
  target: UnpublishTarget,
  signal: AbortSignal,
): Promise<Failure | undefined> {
  const { volume, volumeId, node } = target;
  if (isRecordMissing(volume)) return diskNotRead(volumeId);
  const record = volume.status?.record;
  // Not known yet whether the node writes; its VM has to report clean or reclaim.
  const unverified = unverifiedNamesOf(context, record, node);
  if (unverified.length > 0) return { kind: "WriterRecordUnverified", volumeId, nodes: unverified };
  const { nodeName } = node;
  const writer = record?.writer;
  const isShared = !isSingleWriter(volume.spec.capabilities);
  // Where several nodes write, no record shows which. A node that is gone has no pods.
  const mayWrite = isShared ? !node.isLost : writer?.nodeName === nodeName && writer.held;
  if (!mayWrite) return undefined;
  const use = await context.users.on({ nodeName, volumeId }, signal);
  // Unknown: the release check waits, or the mark that the volume is staged does.
  if (use.kind !== "used" || (isShared && hasNoContainer(use))) return undefined;
  // The user can be served only once the volume has been unpublished, and published again.
  const unstaged = isShared ? await hasUnstaged(context, target, signal) : ok(false);
  if (!unstaged.ok || unstaged.value) return unstaged.ok ? undefined : unstaged.failure;
  // A node that is releasing the volume does that before the user can be served.
  const isReleasing = writer?.requested === false;
  const renewed = isReleasing ? ok(undefined) : await renewRequest(context, target, signal);
  return renewed.ok ? whyKept(target, use) : renewed.failure;
}

/**
 * Whether nothing is left of a volume without a record on a node: neither the mark that it is staged nor a
 * request, which the node withdraws with the mark. Past the cache: a request that is renewed after that would
 * make the node one that has never unstaged it.
 */
async function hasUnstaged(
  { store }: ControllerContext,
  { volumeId, node: { nodeName } }: UnpublishTarget,
  signal: AbortSignal,
): Promise<Result<boolean>> {
  const read = await readAttachment(store, { diskUri: volumeId, nodeName }, signal);
  if (!read.ok) return read.failure.kind === "ObjectNotFound" ? ok(false) : read;
  return ok(isUnstaged(read.value));
}

/** Whether an attachment has neither a request nor the mark that the volume is staged. */
export function isUnstaged({ spec }: AzVolumeAttachment): boolean {
  return spec.writerRequest === undefined && spec.staged !== true;
}

/** Why a volume stays published to a node of which `use` is known. */
export function whyKept({ volumeId, node: { nodeName } }: UnpublishTarget, use: VolumeUse): Failure {
  if (use.kind === "used") return { kind: "VolumeInUse", volumeId, nodeName, users: use.users };
  const because = use.kind === "unknown" && use.because !== undefined ? ` (${use.because})` : "";
  const what = `${nodeName} to release it: it is unknown now whether a workload uses it there${because}`;
  return { kind: "StillWaiting", volumeId, what };
}

/**
 * CSI: a volume stays published to a node until ControllerUnpublishVolume has succeeded, so the client
 * counts as a user again.
 */
export function renewRequest(
  context: ControllerContext,
  { volume, node: { nodeName } }: UnpublishTarget,
  signal: AbortSignal,
): Promise<Result<unknown>> {
  return requestWriter(context, { volume, nodeName, volumeContext: {}, published: true }, signal);
}
