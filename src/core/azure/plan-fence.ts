/** What a fence sees of the VM. */
export interface FencedVm {
  /** It lists a disk that is to be taken off. */
  readonly isListed: boolean;
  /** An operation is under way on it. */
  readonly isUpdating: boolean;
  /**
   * Whose operation that is, as far as it is known: a detach that may be under way may be that of an
   * earlier process.
   */
  readonly whose: "own" | "perhapsOwn" | "others";
  /** It runs, and its agent answers: the guest may help with a regular detach. */
  readonly answers: boolean;
  /** How long a regular detach may still be tried, in milliseconds. */
  readonly regularLeftMs: number;
  /**
   * How long a detach that may be under way is still waited for where it may not be this process's, in
   * milliseconds.
   */
  readonly detachLeftMs: number;
}

/** What a fence does next. */
export type FenceMove =
  | { readonly kind: "wait" }
  | { readonly kind: "detach"; readonly force: boolean }
  | { readonly kind: "moveEtag" };

/**
 * Decides the next move of a fence. ForceDetach is Azure's last resort: a VM that answers is asked for a
 * regular detach first, for a while. Any other VM is fenced by force at once, since its guest can't help.
 * Nothing is forced while Azure works on an update, reimage or upgrade of others: it is waited for, and the
 * next read decides. What may be an earlier process' detach, and may be a reimage, is waited for as long as
 * a regular detach.
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
