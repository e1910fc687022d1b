import type { FailureOf } from "../../failure/failure.ts";
import { keepsState, stateFromTags } from "../tags/state-tags.ts";

type UnfinishedCopy = FailureOf<"DiskBeingCopied" | "DiskCopyFailed">;

/** A disk as Azure shows it, as far as it says whether a copy can be used. */
export interface CopiedDisk {
  readonly diskUri: string;
  readonly diskName: string;
  /** `provisioningState`, such as `Succeeded`. */
  readonly state: string;
  /** From 0 to 99; undefined: no work in the background. */
  readonly completionPercent?: number | undefined;
  /** Azure shows 100 %. Absent: it shows less, or nothing. */
  readonly isShownComplete?: true;
  readonly sourceUri: string | undefined;
  readonly attachedTo: readonly string[];
  readonly tags: Readonly<Record<string, string>>;
}

/**
 * Why a disk is not the copy that it was made to be, and must not be used; undefined: it is, or it is no
 * copy. One that Azure has made is used while Azure still fills it in the background: it reads the rest from
 * its source (Learn, Create a managed disk from a snapshot: "You can attach a disk to a VM while this process
 * is running"). Azure shows a failed copy as it shows a later change that has failed: a disk that is
 * attached, or whose tags keep the state of a use, is kept.
 */
export function whyUnfinished(disk: CopiedDisk): UnfinishedCopy | undefined {
  const { diskUri, sourceUri, state, completionPercent } = disk;
  if (sourceUri === undefined || wasUsed(disk)) return undefined;
  if (hasFailed(disk)) return { kind: "DiskCopyFailed", diskUri, sourceUri, state };
  if (state === "Succeeded") return undefined;
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

/** Whether a disk waits until Azure has made its copy, or for what replaces it. */
export function isUnfinishedCopy(kind: string | undefined): kind is UnfinishedCopy["kind"] {
  return kind === "DiskBeingCopied" || kind === "DiskCopyFailed";
}
