import type { AzVolumeAttachment } from "../../../core/api/az-volume-attachment.ts";
import type { Failure } from "../../../core/failure/failure.ts";
import { waitingTimeMs } from "../../messages/waiting-time.ts";
import type { CallContext } from "../../server/unary-handler.ts";
import type { ControllerContext } from "../controller-context.ts";
import { toUnstage } from "./unpublish-obstacle.ts";

/**
 * Waits until a node has taken back the mark that it has staged a volume without a record: no release shows
 * that, since nothing is released. Without a request the node stages nothing more, and itself unstages what
 * no pod has there: the client may wait for this call before it does. `marked`: the attachment as the store
 * has it. Answers what is still waited for.
 */
export async function waitUntilUnstaged(
  context: ControllerContext,
  marked: AzVolumeAttachment,
  call: CallContext,
): Promise<Failure | undefined> {
  const { cache, clock, limits } = context;
  const { nodeName, volumeId } = marked.spec;
  cache.remember("AzVolumeAttachment", marked);
  const isUnstaged = await cache.waitUntil(
    "AzVolumeAttachment",
    marked.metadata.name,
    (present) => present?.spec.staged !== true,
    { timeoutMs: waitingTimeMs(context, call, limits.waitMaxMs), clock },
    call.signal,
  );
  if (isUnstaged) return undefined;
  return { kind: "StillWaiting", volumeId, what: toUnstage(nodeName) };
}
