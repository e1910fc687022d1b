import type { FailureOf } from "../../failure/failure.ts";
import { keepsState, stateFromTags } from "../tags/state-tags.ts";

type UnfinishedCopy = FailureOf<"DiskBeingCopied" | "DiskCopyFailed">;

/** A disk as Azure shows it, as far as it says whether a copy is complete. */
export interface CopiedDisk {
  readonly diskUri: string;
  readonly diskName: string;
  /** `provisioningState`, such as `Succeeded`. */
  readonly state: string;
  /** From 0 to 99; undefined: no work in the background. */
  readonly completionPercent?: number | undefined;
  readonly sourceUri: string | undefined;
  readonly attachedTo: readonly string[];
  readonly tags: Readonly<Record<string, string>>;
}

/**
 * Why a disk is not the copy that it was made to be, and must not be used; undefined: it is, or it is no
 * copy. Azure shows the same of a complete one that is converted, or of which a later change has failed. The
 * driver gives no VM an unfinished copy: one that is attached, or whose tags keep the state of a use, is
 * kept.
 */
export function whyUnfinished(disk: CopiedDisk): UnfinishedCopy | undefined {
  const { diskUri, sourceUri, state, completionPercent } = disk;
  if (sourceUri === undefined || wasUsed(disk)) return undefined;
  if (hasFailed(disk)) return { kind: "DiskCopyFailed", diskUri, sourceUri, state };
  if (state === "Succeeded" && completionPercent === undefined) return undefined;
  return { kind: "DiskBeingCopied", diskUri, percent: completionPercent ?? 0 };
}

/** Whether the last operation on a disk has ended without its effect. */
export function hasFailed({ state }: Pick<CopiedDisk, "state">): boolean {
  return ["Failed", "Canceled"].includes(state);
}

/** Whether a node has had the disk: what is on it now may be in no other place. */
export function wasUsed(disk: Pick<CopiedDisk, "attachedTo" | "tags" | "diskName">): boolean {
  return disk.attachedTo.length > 0 || keepsState(stateFromTags(disk));
}

/** Whether a disk waits for its copy in Azure, or for what replaces it. */
export function isUnfinishedCopy(kind: string | undefined): kind is UnfinishedCopy["kind"] {
  return kind === "DiskBeingCopied" || kind === "DiskCopyFailed";
}
