import type { TimedFault } from "../../../scenario/scenario.ts";
import { type FaultContext, pick } from "../../fault-class.ts";

/** How long after the request its user reads why it is refused, and lowers it, in milliseconds. */
const LOWERED_AFTER_MS = [15_000, 30_000, 45_000] as const;

/**
 * A user who lowers a request for a size later: to that many GiB above what the volume has then, or above
 * `sizeGiB` where that is not known. Returns what does it at once.
 */
export function loweredLater(
  { world: { cluster }, later, act }: FaultContext,
  { volumeName, dice }: TimedFault,
  { sizeGiB, aboveGiB }: { readonly sizeGiB: number; readonly aboveGiB: number },
): () => void {
  const lower = (): void =>
    act({ kind: "lower", volumeName, sizeGiB: (cluster.sizeOf(volumeName) ?? sizeGiB) + aboveGiB });
  later(pick(LOWERED_AFTER_MS, dice), lower);
  return lower;
}
