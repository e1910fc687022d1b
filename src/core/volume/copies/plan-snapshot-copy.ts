import { hasFailed } from "./unfinished-copy.ts";

/** A snapshot in Azure, as far as it decides the next step of a copy. */
export interface CopyPart {
  /** Such as `Succeeded` or `Failed`. */
  readonly state: string;
  readonly isTaken: boolean;
  readonly isRestorable: boolean;
  readonly copyError: string | undefined;
}

/**
 * The next step towards a snapshot in another region.
 *
 * - `take`: make the source, a snapshot in the disk's region; or wait for the end of an operation on it.
 * - `copy`: start the copy; or wait for the end of an operation on it.
 * - `wait`: Azure copies in the background. The caller asks again.
 * - `deleteSource`: the copy is complete, and its source is no longer needed.
 * - `answer`: the copy is complete and alone.
 * - `lost`: the copy failed, and its source is gone. The moment of its content can't be had again.
 */
export type CopyStep = "take" | "copy" | "wait" | "deleteSource" | "answer" | "lost";

type Phase = "none" | "unfinished" | "failed" | "copying" | "complete";

/**
 * Decides the next step of a copy to another region from what is in Azure. The source is deleted only once
 * the target is complete, and made only while there is no target: its content is the moment that a caller
 * may know.
 */
export function planSnapshotCopy({
  source,
  target,
}: {
  readonly source: CopyPart | undefined;
  readonly target: CopyPart | undefined;
}): CopyStep {
  const made = phaseOf(source);
  switch (phaseOf(target)) {
    case "complete":
      return source === undefined ? "answer" : "deleteSource";
    case "copying":
      return "wait";
    case "unfinished":
      return "copy";
    case "failed":
      return made === "complete" ? "copy" : "lost";
    case "none":
      return made === "complete" ? "copy" : made === "copying" ? "wait" : "take";
  }
}

function phaseOf(part: CopyPart | undefined): Phase {
  if (part === undefined) return "none";
  const { state, isTaken, isRestorable, copyError } = part;
  if (copyError !== undefined) return "failed";
  if (isRestorable) return "complete";
  if (state === "Succeeded") return "copying";
  return hasFailed(part) && !isTaken ? "failed" : "unfinished";
}
