import type { AttachmentStatus, AzVolumeAttachment } from "../api/az-volume-attachment.ts";

type Request = NonNullable<AzVolumeAttachment["spec"]["freeze"]>;
type Answer = NonNullable<AttachmentStatus["freeze"]>;

/** The freeze of one volume's file system as its node sees it. */
export interface ObservedFreeze {
  readonly request: Request | undefined;
  readonly answer: Answer | undefined;
  /** The id of the freeze that the node has marked, before it froze anything. */
  readonly markedId: string | undefined;
  /** Whether this process has frozen that, and for how long it may stay frozen, in milliseconds. */
  readonly own: { readonly leftMs: number } | undefined;
  /** Why there is no file system that may be frozen; undefined: there is one. */
  readonly obstacle: string | undefined;
}

/** The node's next action. Each one leads to a state in which the next one is planned. */
export type FreezeAction =
  | { readonly kind: "None" }
  | { readonly kind: "WaitForEnd"; readonly forMs: number }
  | { readonly kind: "Freeze"; readonly id: string; readonly seconds: number }
  | { readonly kind: "Answer"; readonly answer: Answer }
  /** Thaws, answers, and drops the mark. `ifHeld`: the answer if it was frozen without a break. */
  | { readonly kind: "Thaw"; readonly id: string; readonly ifHeld: "Held" | "Lost" };

/**
 * Plans the node's part in a freeze. It calls a freeze *held* only if it thaws because the controller has
 * marked the request as taken. A request that is gone proves nothing: a person or a restored backup may
 * have removed it while Azure was still reading the disk.
 */
export function planFreeze(observed: ObservedFreeze): FreezeAction {
  const { request, answer, markedId, own, obstacle } = observed;
  if (markedId !== undefined) {
    const standing = request?.id === markedId && request.isCancelled !== true ? request : undefined;
    if (standing?.isTaken === true) return { kind: "Thaw", id: markedId, ifHeld: "Held" };
    // A process that has not frozen it itself knows nothing of the time before its own start.
    if (standing === undefined || obstacle !== undefined || own === undefined || own.leftMs <= 0)
      return { kind: "Thaw", id: markedId, ifHeld: "Lost" };
    return answer?.id === markedId
      ? { kind: "WaitForEnd", forMs: own.leftMs }
      : { kind: "Answer", answer: { id: markedId, state: "Frozen" } };
  }
  if (answer?.state === "Frozen") return lost(answer.id);
  if (request === undefined || answer?.id === request.id) return { kind: "None" };
  if (request.isCancelled === true || request.isTaken === true) return lost(request.id);
  return obstacle === undefined
    ? { kind: "Freeze", id: request.id, seconds: request.seconds }
    : { kind: "Answer", answer: { id: request.id, state: "Refused", detail: obstacle } };
}

function lost(id: string): FreezeAction {
  return { kind: "Answer", answer: { id, state: "Lost" } };
}

/** Why nothing may be frozen on a node: no release of a volume, orderly or recalled, waits for a backup. */
export function whyReleased({ metadata, spec }: AzVolumeAttachment): string | undefined {
  const isRequested = spec.writerRequest !== undefined && spec.recall === undefined;
  return isRequested && metadata.deletionTimestamp === undefined
    ? undefined
    : `${spec.nodeName} is releasing the volume`;
}
