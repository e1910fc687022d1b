import type { Wake } from "../api/wake.ts";

/** `uncertain`: a call has begun, and nobody knows what came of it. */
export type Certainty = "no" | "uncertain" | "yes";

/** What a kubelet believes of one volume. */
export interface VolumeState {
  readonly name: string;
  /** Uids of pods that need it. */
  readonly neededBy: Set<string>;
  /** Uids of pods that the API server has forgotten, and whose containers still run. */
  readonly heldBy: Set<string>;
  staged: Certainty;
  /** By pod uid; absent: no. */
  readonly published: Map<string, Certainty>;
  /**
   * Taken up from an earlier process: a call that answers that nothing was done says nothing of what was
   * done before.
   */
  isReconstructed: boolean;
  /** What is on it can't be grown while it is in use: not asked again before it is staged anew. */
  growsUnmounted: boolean;
  /** By operation: after an error it is not tried again at once. */
  readonly pauses: Map<string, { readonly delayMs: number; readonly notBeforeMs: number }>;
  readonly wake: Wake;
  /** Whoever waits for what an operation brings about. */
  readonly changed: Set<() => void>;
}

/** A volume of which nothing is known. */
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
