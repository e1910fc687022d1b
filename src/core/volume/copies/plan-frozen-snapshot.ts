import type { AttachmentStatus, AzVolumeAttachment } from "../../api/az-volume-attachment.ts";
import type { WriterRecord } from "../../api/az-volume.ts";

/** A snapshot that is to be taken of a frozen file system, as it is now. */
export interface ObservedFrozenSnapshot {
  readonly snapshot:
    | {
        readonly freezeId: string | undefined;
        readonly isTaken: boolean;
        readonly isKnownFrozen: boolean;
        /** Whether Azure shows it, or its copy in the background, as failed. */
        readonly hasFailed: boolean;
      }
    | undefined;
  /** The volume's writer record; undefined: the volume is gone, or has none. */
  readonly record: WriterRecord | undefined;
  /** Of the writer's attachment. */
  readonly request: AzVolumeAttachment["spec"]["freeze"];
  readonly answer: AttachmentStatus["freeze"];
  /**
   * Whether the request is of a snapshot that it has made count, and that does not say so yet: the next
   * request replaces the node's answer.
   */
  readonly isOwed: boolean;
  /** Why the writer's node may freeze nothing; undefined: it may. */
  readonly obstacle: string | undefined;
  /** How the ids of this snapshot's requests begin. */
  readonly ownPrefix: string;
}

/** The next action. Each one leads to a state in which the next one is planned. */
export type FrozenSnapshotAction =
  | { readonly kind: "Ask" }
  | { readonly kind: "ConfirmEarlier" }
  /** Waits for the node's answer, or for the end of the freeze if it is frozen. */
  | { readonly kind: "AwaitNode"; readonly id: string; readonly isFrozen: boolean }
  /** Takes the snapshot, or waits for its end. */
  | { readonly kind: "Take"; readonly freezeId: string }
  /** Marks the request as taken, so that the node thaws and says whether it was frozen until then. */
  | { readonly kind: "Thaw"; readonly id: string }
  | { readonly kind: "Confirm" }
  /** Deletes a snapshot that may be of a file system that was not frozen. */
  | { readonly kind: "Discard"; readonly why: string }
  /** Nothing can be taken now. */
  | { readonly kind: "Wait"; readonly why: string }
  /** Removes a request that the node has refused: the next call may ask again. */
  | { readonly kind: "Withdraw"; readonly id: string; readonly why: string }
  | { readonly kind: "Refuse"; readonly why: string }
  | { readonly kind: "Answer" };

/**
 * Without a writer nothing is mounted: the file system is as it was unmounted, while the epoch stays. A
 * record that was rebuilt since may not know of a later epoch.
 */
const UNMOUNTED = "unmounted-in-epoch-";

/** Plans a snapshot that counts only if the file system was frozen from before its request until its end. */
export function planFrozenSnapshot(observed: ObservedFrozenSnapshot): FrozenSnapshotAction {
  const { snapshot } = observed;
  if (snapshot === undefined) return planTaking(observed);
  const { freezeId, isTaken, isKnownFrozen, hasFailed } = snapshot;
  if (freezeId === undefined) return { kind: "Refuse", why: "it was taken without fileSystemFreezeSeconds" };
  // One that has failed since is judged as it is without a freeze.
  if (isKnownFrozen) return hasFailed ? { kind: "Take", freezeId } : { kind: "Answer" };
  if (freezeId.startsWith(UNMOUNTED)) {
    if (!isTaken) return { kind: "Take", freezeId };
    return unmountedId(observed.record) === freezeId
      ? { kind: "Confirm" }
      : { kind: "Discard", why: "a node may have mounted the volume while the snapshot was taken" };
  }
  return planPending(observed, { freezeId, isTaken });
}

/** A snapshot with the id of a freeze, of which it is not known whether it has held. */
function planPending(
  { request, answer }: ObservedFrozenSnapshot,
  { freezeId, isTaken }: { readonly freezeId: string; readonly isTaken: boolean },
): FrozenSnapshotAction {
  if (answer?.id !== freezeId)
    return { kind: "Discard", why: "the writer's node knows nothing of the freeze" };
  if (answer.state === "Held")
    return isTaken
      ? { kind: "Confirm" }
      : { kind: "Discard", why: "the freeze ended before Azure had taken the snapshot" };
  if (answer.state !== "Frozen")
    return {
      kind: "Discard",
      why: answer.detail ?? "the freeze did not last until Azure had taken the snapshot",
    };
  const isOver = request?.id !== freezeId || request.isTaken === true || request.isCancelled === true;
  if (isOver) return { kind: "AwaitNode", id: freezeId, isFrozen: true };
  return isTaken ? { kind: "Thaw", id: freezeId } : { kind: "Take", freezeId };
}

function planTaking(observed: ObservedFrozenSnapshot): FrozenSnapshotAction {
  const { record, request, answer, ownPrefix, obstacle } = observed;
  if (record === undefined) return { kind: "Wait", why: "the volume has no writer record yet" };
  const unmounted = unmountedId(record);
  if (unmounted !== undefined) return { kind: "Take", freezeId: unmounted };
  if (record.writer?.held !== true || record.fencing !== undefined)
    return { kind: "Wait", why: "the volume is moving between nodes" };
  const isOpen = request !== undefined && answer?.id !== request.id;
  const isFrozen = request !== undefined && answer?.id === request.id && answer.state === "Frozen";
  if (!isOpen && !isFrozen) {
    if (observed.isOwed) return { kind: "ConfirmEarlier" };
    const isRefused =
      answer?.state === "Refused" && request?.id === answer.id && request.id.startsWith(ownPrefix);
    return isRefused
      ? { kind: "Withdraw", id: answer.id, why: answer.detail ?? "its node can't freeze it" }
      : obstacle === undefined
        ? { kind: "Ask" }
        : { kind: "Wait", why: obstacle };
  }
  if (!request.id.startsWith(ownPrefix))
    return { kind: "Wait", why: "its file system is being frozen for another snapshot" };
  if (isOpen || request.isCancelled === true || request.isTaken === true)
    return { kind: "AwaitNode", id: request.id, isFrozen };
  return { kind: "Take", freezeId: request.id };
}

/** The id of a snapshot of a volume that no node has mounted; undefined: one may have. */
function unmountedId(record: WriterRecord | undefined): string | undefined {
  if (record === undefined || record.writer !== undefined || record.fencing !== undefined) return undefined;
  // A node in quarantine is cut off; an unverified one may write.
  return record.nodes.some(({ access }) => access === "unverified")
    ? undefined
    : `${UNMOUNTED}${record.epoch}-of-incarnation-${record.storeIncarnation}`;
}
