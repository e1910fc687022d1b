import type { AzVolume } from "../../../core/api/az-volume.ts";
import { isRecordMissing } from "../../../core/attachment/observed-volume.ts";
import type { Failure } from "../../../core/failure/failure.ts";
import { ok, type Result } from "../../../core/failure/result.ts";
import { hasNoContainer } from "../../../core/schedule/volume-use.ts";
import { isSingleWriter } from "../../../core/volume/access-modes.ts";
import { requestWriter } from "../../../objects/writer-request.ts";
import type { ControllerContext } from "../controller-context.ts";
import { type UnpublishedNode, unverifiedNamesOf, diskNotRead } from "./unpublished-node.ts";

/**
 * Why the node keeps the volume: it has a user there, or that can't be determined yet. Then it stays
 * published, and its request is renewed: an earlier call may have withdrawn it before that user came,
 * and got no further.
 */
export async function unpublishObstacle(
  context: ControllerContext,
  volume: AzVolume,
  volumeId: string,
  node: UnpublishedNode,
  signal: AbortSignal,
): Promise<Failure | undefined> {
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
  if (use.kind !== "used" || (isShared && hasNoContainer(use))) return undefined;
  // A holder whose request is withdrawn already is releasing the volume, before that user can be served.
  const isReleasing = writer?.requested === false;
  const renewed = isReleasing ? ok(undefined) : await renewRequest(context, volume, nodeName, signal);
  return renewed.ok ? { kind: "VolumeInUse", volumeId, nodeName, users: use.users } : renewed.failure;
}

/**
 * CSI: a volume stays published to a node until ControllerUnpublishVolume has succeeded, so the client
 * counts as a user again.
 */
export function renewRequest(
  context: ControllerContext,
  volume: AzVolume,
  nodeName: string,
  signal: AbortSignal,
): Promise<Result<unknown, Failure>> {
  return requestWriter(context, { volume, nodeName, volumeContext: {}, published: true }, signal);
}
