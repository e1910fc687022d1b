/** What a fence sees of the VM. */
export interface FencedVm {
  /** It lists a disk that is to be detached. */
  readonly isListed: boolean;
  /** An operation is under way on it. */
  readonly isUpdating: boolean;
  /**
   * Which client began that operation, as far as it is known: a detach that may be under way may be that
   * of an earlier process of this driver.
   */
  readonly whose: "own" | "perhapsOwn" | "others";
  /** It runs and its agent responds: the guest may help with a regular detach. */
  readonly answers: boolean;
  /** How long a regular detach may still be tried, in milliseconds. */
  readonly regularLeftMs: number;
  /** How long to wait for a detach that may be under way and may not be this process's, in milliseconds. */
  readonly detachLeftMs: number;
}

export type FenceMove =
  | { readonly kind: "wait" }
  | { readonly kind: "detach"; readonly force: boolean }
  | { readonly kind: "moveEtag" };

/**
 * Decides the next action of a fence. ForceDetach is the last resort: a VM that responds first gets a
 * regular detach, for a while. Any other VM is force-detached at once, since its guest can't help. While
 * another client's update, reimage or upgrade runs, the fence waits, and the next read decides. An
 * operation that may be an earlier process's detach, or a reimage, is waited for as long as a regular
 * detach.
 */
export function planFence({
  isListed,
  isUpdating,
  whose,
  answers,
  regularLeftMs,
  detachLeftMs,
}: FencedVm): FenceMove {
  const force = !answers || regularLeftMs <= 0;
  if (isUpdating) {
    const isToBeForced = whose === "own" ? force : whose === "perhapsOwn" && detachLeftMs <= 0;
    return isListed && isToBeForced ? { kind: "detach", force: true } : { kind: "wait" };
  }
  return isListed ? { kind: "detach", force } : { kind: "moveEtag" };
}
