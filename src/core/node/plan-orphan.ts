import type { VolumeUse } from "../schedule/volume-use.ts";

/** What is known of the orchestrator's attachment of a volume to a node; undefined: not asked yet. */
export interface AttachmentOfNode {
  /** By a cache: only past it does `isNodeAbsent` say so. */
  readonly isNodeGone: boolean;
  readonly isTerminating: boolean;
  /** Whether any object says which VM the node was. */
  readonly isVmKnown: boolean;
  readonly use: VolumeUse | undefined;
  /** Each VM that the node was, as far as any object says. */
  readonly areVmsGone: boolean | undefined;
  readonly isNodeAbsent: boolean | undefined;
}

export type OrphanStep = "Keep" | "AskUsers" | "AskAzure" | "AskForNode" | "LookAgain" | "Delete";

/**
 * Plans whether an attachment is an orphan, to be deleted: its Node and its VM are gone, and no pod there
 * uses the volume. The cheapest question comes first. A VM that no object names proves nothing.
 */
export function planOrphan(attachment: AttachmentOfNode): OrphanStep {
  const { isNodeGone, isTerminating, isVmKnown, use, areVmsGone, isNodeAbsent } = attachment;
  if (!isNodeGone || isTerminating || !isVmKnown) return "Keep";
  if (use === undefined) return "AskUsers";
  if (use.kind !== "unused") return "LookAgain";
  if (areVmsGone === undefined) return "AskAzure";
  if (!areVmsGone) return "LookAgain";
  // Last: the Node of a VM that was replaced under its name may come at any time.
  if (isNodeAbsent === undefined) return "AskForNode";
  return isNodeAbsent ? "Delete" : "LookAgain";
}
