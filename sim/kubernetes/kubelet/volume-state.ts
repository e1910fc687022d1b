import type { Wake } from "../api/wake.ts";

/** `uncertain`: a call has begun, with an unknown result. */
export type Certainty = "no" | "uncertain" | "yes";

/** A kubelet's state of one volume. */
export interface VolumeState {
  readonly name: string;
  /** Uids of pods that need it. */
  readonly neededBy: Set<string>;
  /** Uids of pods that are gone from the API, and whose containers still run. */
  readonly heldBy: Set<string>;
  staged: Certainty;
  /** By pod uid; absent: no. */
  readonly published: Map<string, Certainty>;
  /**
   * Taken over from an earlier process: a response that nothing was done does not cover what was done
   * before.
   */
  isReconstructed: boolean;
  /** Its file system cannot grow while it is in use: not requested again before it is staged again. */
  growsUnmounted: boolean;
  /** By operation: after an error it is not retried at once. */
  readonly pauses: Map<string, { readonly delayMs: number; readonly notBeforeMs: number }>;
  readonly wake: Wake;
  /** Waiters for the result of an operation. */
  readonly changed: Set<() => void>;
}

/** A volume without any state. */
export function createVolumeState(name: string, wake: Wake): VolumeState {
  return {
    name,
    neededBy: new Set(),
    heldBy: new Set(),
    staged: "no",
    published: new Map(),
    isReconstructed: false,
    growsUnmounted: false,
    pauses: new Map(),
    wake,
    changed: new Set(),
  };
}
