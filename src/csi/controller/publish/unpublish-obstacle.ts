import type { AzVolume } from "../../../core/api/az-volume.ts";
import { isRecordMissing } from "../../../core/attachment/observed-volume.ts";
import type { Failure } from "../../../core/failure/failure.ts";
import { ok, type Result } from "../../../core/failure/result.ts";
import { hasNoContainer, type VolumeUse } from "../../../core/schedule/volume-use.ts";
import { isSingleWriter } from "../../../core/volume/access-modes.ts";
import { isUnheard } from "../../../core/writer/node-silence.ts";
import { readAttachment } from "../../../objects/named-attachment.ts";
import { requestWriter } from "../../../objects/writer-request.ts";
import type { CallContext } from "../../server/unary-handler.ts";
import type { ControllerContext } from "../controller-context.ts";
import { trustedIncarnation } from "../trusted-incarnation.ts";
import { type UnpublishedNode, unverifiedNamesOf, diskNotRead } from "./unpublished-node.ts";

/** What to do where a node does not release a volume. */
export const DEAD_NODE_REMEDY = "if that node is dead, mark it out of service";

interface Where {
  readonly nodeName: string;
  readonly volumeId: string;
}

/**
 * Why the node keeps the volume: it has a user there, or that can't be determined yet. Then it stays
 * published. With a user its request is renewed: an earlier call may have withdrawn it before that user
 * came, and got no further.
 */
export async function unpublishObstacle(
  context: ControllerContext,
  volume: AzVolume,
  volumeId: string,
  node: UnpublishedNode,
  call: CallContext,
): Promise<Failure | undefined> {
  const { signal } = call;
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
  // For a single writer the release check waits. Another orchestrator may never answer more.
  if (use.kind === "unknown" && isShared && context.clusterVolumes.knowsAttachments)
    return whyKept({ nodeName, volumeId }, use);
  if (use.kind !== "used" || (isShared && hasNoContainer(use)))
    return isShared ? unheardObstacle(context, { nodeName, volumeId }, call) : undefined;
  // A node that is releasing the volume does that before the user can be served.
  const releasing = isShared
    ? await hasUnstaged(context, { nodeName, volumeId }, signal)
    : ok(writer?.requested === false);
  if (!releasing.ok) return releasing.failure;
  const renewed = releasing.value ? ok(undefined) : await renewRequest(context, volume, nodeName, signal);
  return renewed.ok ? whyKept({ nodeName, volumeId }, use) : renewed.failure;
}

/**
 * A restored backup may lack the pod for which a node has staged a volume without a record. Then the volume
 * stays published until the node has compared its volumes with the restored store, or is lost. Read after the
 * store is trusted.
 */
export async function unheardObstacle(
  context: ControllerContext,
  where: Where,
  call: CallContext,
): Promise<Failure | undefined> {
  const { cache, settings } = context;
  const { nodeName } = where;
  const trusted = await trustedIncarnation(context, call);
  if (!trusted.ok) return trusted.failure;
  const status = cache.get("AzDriverNode", nodeName)?.status;
  const heartbeatUnchangedMs =
    cache.watchedUnchangedMs("AzDriverNode", nodeName) ?? cache.missingMs("AzDriverNode", nodeName);
  return isUnheard(settings, { ...status, heartbeatUnchangedMs }, trusted.value)
    ? whyKept(where, { kind: "unknown", because: "the object store was rolled back" })
    : undefined;
}

/**
 * Whether nothing is left of a volume without a record on a node: neither the mark that it is staged nor a
 * request, which the node withdraws with the mark. Past the cache: a request that is renewed after that would
 * make the node one that has never unstaged it.
 */
export async function hasUnstaged(
  { store }: Pick<ControllerContext, "store">,
  { nodeName, volumeId }: Where,
  signal: AbortSignal,
): Promise<Result<boolean, Failure>> {
  const read = await readAttachment(store, { diskUri: volumeId, nodeName }, signal);
  if (!read.ok) return read.failure.kind === "ObjectNotFound" ? ok(false) : read;
  return ok(read.value.spec.writerRequest === undefined && read.value.spec.staged !== true);
}

/** Why a volume stays published to a node of which `use` is known. */
export function whyKept({ nodeName, volumeId }: Where, use: VolumeUse): Failure {
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
  volume: AzVolume,
  nodeName: string,
  signal: AbortSignal,
): Promise<Result<unknown, Failure>> {
  return requestWriter(context, { volume, nodeName, volumeContext: {}, published: true }, signal);
}
