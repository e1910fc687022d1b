import type { Kind } from "../../ports/store/object-store.ts";

/**
 * The faults between one user of a simulated store and the store. Probabilities are in [0, 1]; ranges
 * are [least, most] in milliseconds.
 */
export interface Weather {
  /** How long a call takes; its effect happens at its beginning or at its end. */
  readonly callDelayMs: readonly [number, number];
  /** How long after it happened a watch delivers a change. Order is kept. */
  readonly watchDelayMs: readonly [number, number];
  /** A write other than create is answered `ObjectConflict` and has no effect. */
  readonly conflict: number;
  /** A call is answered `StoreUnavailable` and has no effect. */
  readonly unavailable: number;
  /**
   * Creations and updates of these kinds are answered `StoreUnavailable` and have no effect; reads, watches
   * and deletions work. So it is where etcd has no space left, or an admission webhook is away.
   */
  readonly refusedKinds: readonly Kind[];
  /** A call has its effect and is answered `StoreUnavailable`. */
  readonly lostAnswer: number;
  /** A watch ends with `WatchBroken` before it delivers a change. */
  readonly watchBroken: number;
  /** A watch begins with `WatchGone`. */
  readonly watchGone: number;
  /**
   * A watch repeats its last event, before anything else, by `watchDelayMs` later: deletions and
   * bookmarks, too.
   */
  readonly watchRepeated: number;
}

/** No delay and no fault. */
export const fairWeather: Weather = {
  callDelayMs: [0, 0],
  watchDelayMs: [0, 0],
  conflict: 0,
  unavailable: 0,
  refusedKinds: [],
  lostAnswer: 0,
  watchBroken: 0,
  watchGone: 0,
  watchRepeated: 0,
};
