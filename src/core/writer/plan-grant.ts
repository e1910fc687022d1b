import type { AzVolumeAttachment } from "../api/az-volume-attachment.ts";
import type { WriterRecord } from "../api/az-volume.ts";
import { identityOf, type NodeIdentity } from "../api/identity/node-identity.ts";
import {
  isDeleting,
  isProvisioned,
  isResizingOffline,
  stayingAttachments,
  type ObservedVolume,
} from "../attachment/observed-volume.ts";
import { nameList } from "../failure/name-list.ts";
import { RECHECK_MS, ASK_AGAIN_MS } from "./recheck-pace.ts";
import { grant } from "./record/writer-steps.ts";
import type { WriterAction } from "./writer-action.ts";

/** How long no cache may show a user of a request before users are read uncached, in milliseconds. */
const NO_USER_MS = 15_000;

/**
 * The oldest request with a user. A node's token may state a request without any workload: that alone is
 * no reason for a grant.
 */
export function planGrant(observed: ObservedVolume, record: WriterRecord): readonly WriterAction[] {
  if (isDeleting(observed.volume) || !isProvisioned(observed.volume) || isResizingOffline(observed.volume))
    return [];
  const grantable = requestsOf(observed).flatMap(({ spec }): readonly NodeIdentity[] => {
    const node = observed.node(spec.nodeName);
    if (node === undefined || node.isOutOfService || node.isGone) return [];
    const identity = identityOf(node);
    return grant(record, identity).ok ? [identity] : [];
  });
  const used = grantable.find(({ nodeName }) => observed.hasUser(nodeName));
  if (used !== undefined) return [{ kind: "Grant", node: used, isUserSeen: true }];
  return grantable.length === 0 ? [] : planWithoutUser(observed, grantable);
}

/** The cache of users may be behind. Users that it never shows are read uncached, at a slow pace. */
function planWithoutUser(observed: ObservedVolume, unused: readonly NodeIdentity[]): readonly WriterAction[] {
  const names = unused.map(({ nodeName }) => nodeName);
  const isOld = observed.attachments.some(
    ({ attachment, unchangedMs }) => names.includes(attachment.spec.nodeName) && unchangedMs >= NO_USER_MS,
  );
  if (!isOld) return [{ kind: "Requeue", afterMs: RECHECK_MS, tooEarlyFor: "WaitingForUser" }];
  const message = `${nameList(names)} requests the volume, and no user of it is seen there`;
  return [
    ...unused.map((node) => ({ kind: "Grant", node, isUserSeen: false }) as const),
    { kind: "WaitFor", reason: "WaitingForUser", message, retryAfterMs: ASK_AGAIN_MS },
  ];
}

/** Attachments with a writer request, the oldest first. */
export function requestsOf(observed: ObservedVolume): readonly AzVolumeAttachment[] {
  return stayingAttachments(observed)
    .filter((attachment) => attachment.spec.writerRequest !== undefined)
    .toSorted(
      (left, right) =>
        compareText(left.spec.writerRequest?.since ?? "", right.spec.writerRequest?.since ?? "") ||
        compareText(left.metadata.name, right.metadata.name),
    );
}

/** The nodes that request the volume, the oldest request first. */
export function requestingNodes(observed: ObservedVolume): readonly string[] {
  return requestsOf(observed).map(({ spec }) => spec.nodeName);
}

function compareText(left: string, right: string): number {
  return Number(left > right) - Number(left < right);
}
