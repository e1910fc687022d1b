import { invariant } from "../../core/failure/invariant.ts";
import type { Clock } from "../../ports/clock.ts";

/**
 * The most timers that one `runUntilIdle` or `runUntil` fires, so that a world that never rests is
 * noticed.
 */
const TIMERS_MAX = 10_000_000;
/**
 * The shortest sleep, in milliseconds: one that is lost in the rounding of the time that it is added to
 * would be repeated without an end.
 */
const SLEEP_MIN_MS = 0.001;

/**
 * A clock that only its methods move. Sleepers wake one at a time, in the order of their times and, at
 * one time, in the order in which they went to sleep; before the next one wakes, everything that
 * follows from the last one has run, as far as it needs no real I/O.
 */
export interface VirtualClock extends Clock {
  /** Advances time by `ms` milliseconds, waking the sleepers that are due. */
  advance(ms: number): Promise<void>;
  /** Advances time until there is no sleeper, at most `limitMs`. Returns whether that was reached. */
  runUntilIdle(limitMs: number): Promise<boolean>;
  /**
   * Advances time until `isReached` returns true, at most `limitMs`. Checks after each wake-up. Returns
   * whether it was reached.
   */
  runUntil(isReached: () => boolean, limitMs: number): Promise<boolean>;
  /** Runs everything that needs no time to pass. */
  settle(): Promise<void>;
  /** Moves the wall clock alone, as an administrator or NTP may. */
  jumpWallClock(ms: number): void;
  sleepers(): number;
}

interface Sleeper {
  readonly wakeAtMs: number;
  readonly order: number;
  readonly wake: () => void;
  isCancelled: boolean;
}

/** A virtual clock that shows `startMs` (wall clock; default 2026-01-01) and 0 elapsed milliseconds. */
export function createVirtualClock(options: { readonly startMs?: number } = {}): VirtualClock {
  let elapsedMs = 0;
  let wallOffsetMs = options.startMs ?? Date.UTC(2026, 0, 1);
  let order = 0;
  let cancelled = 0;
  let isRunning = false;
  let queue = createSleeperQueue();

  function sleep(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const abort = (): void => {
        sleeper.isCancelled = true;
        cancelled++;
        dropCancelled();
        reject(signal.reason);
      };
      const wake = (): void => {
        signal.removeEventListener("abort", abort);
        resolve();
      };
      const sleeper: Sleeper = {
        wakeAtMs: elapsedMs + (ms > 0 ? Math.max(ms, SLEEP_MIN_MS) : 0),
        order: order++,
        wake,
        isCancelled: false,
      };
      signal.addEventListener("abort", abort, { once: true });
      queue.push(sleeper);
    });
  }

  /** Long sleeps that are cancelled soon (timeouts) would fill the queue. */
  function dropCancelled(): void {
    if (cancelled < 1024 || cancelled * 2 < queue.size()) return;
    const awake = createSleeperQueue();
    for (const sleeper of queue.all()) if (!sleeper.isCancelled) awake.push(sleeper);
    queue = awake;
    cancelled = 0;
  }

  function nextSleeper(): Sleeper | undefined {
    for (let first = queue.first(); first?.isCancelled === true; first = queue.first()) {
      queue.shift();
      cancelled--;
    }
    return queue.first();
  }

  async function run(untilMs: number, isDone: () => boolean): Promise<boolean> {
    invariant(!isRunning, "the virtual clock is running already: only one caller may move it at a time");
    isRunning = true;
    try {
      return await fire(untilMs, isDone);
    } finally {
      isRunning = false;
    }
  }

  /** By hand and not with await: this loop runs once for each timer of a simulation, millions of times. */
  function fire(untilMs: number, isDone: () => boolean): Promise<boolean> {
    return new Promise((resolve, reject) => {
      let fired = 0;
      const next = (): void => {
        try {
          if (isDone()) return resolve(true);
          const sleeper = nextSleeper();
          if (sleeper === undefined || sleeper.wakeAtMs > untilMs) {
            elapsedMs = Number.isFinite(untilMs) ? Math.max(elapsedMs, untilMs) : elapsedMs;
            return resolve(false);
          }
          invariant(fired++ < TIMERS_MAX, `the virtual clock fired ${TIMERS_MAX} timers in one run`);
          queue.shift();
          elapsedMs = Math.max(elapsedMs, sleeper.wakeAtMs);
          sleeper.wake();
          whenSettled(next);
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
        }
      };
      whenSettled(next);
    });
  }

  return {
    nowMs: () => wallOffsetMs + elapsedMs,
    elapsedMs: () => elapsedMs,
    sleep,
    advance: async (ms) => {
      invariant(ms >= 0 && Number.isFinite(ms), `time can't move by ${ms} ms`);
      await run(elapsedMs + ms, () => false);
    },
    runUntilIdle: (limitMs) => run(elapsedMs + limitMs, () => nextSleeper() === undefined),
    runUntil: (isReached, limitMs) => run(elapsedMs + limitMs, isReached),
    settle,
    jumpWallClock: (ms) => {
      wallOffsetMs += ms;
    },
    sleepers: () => queue.size() - cancelled,
  };
}

/** How often the event loop gets its turn, for timers, signals and messages from outside. */
const LOOP_TURN_EVERY = 64;
let settled = 0;

function settle(): Promise<void> {
  return new Promise(whenSettled);
}

const READY = Promise.resolve();

/**
 * Node runs every promise job that is ready, and every one that those make ready, before the next tick that
 * a promise job has asked for, and before the next immediate. A tick costs a third of an immediate, since
 * the event loop takes no turn.
 */
function whenSettled(act: () => void): void {
  settled++;
  if (settled % LOOP_TURN_EVERY === 0) setImmediate(act);
  // Requested by a promise job. It is never rejected.
  else READY.then(() => process.nextTick(act), act);
}

interface SleeperQueue {
  readonly push: (sleeper: Sleeper) => void;
  readonly first: () => Sleeper | undefined;
  readonly shift: () => void;
  readonly size: () => number;
  readonly all: () => readonly Sleeper[];
}

/** A binary heap: the earliest first. */
function createSleeperQueue(): SleeperQueue {
  const heap: Sleeper[] = [];
  const isBefore = (left: Sleeper, right: Sleeper): boolean =>
    left.wakeAtMs < right.wakeAtMs || (left.wakeAtMs === right.wakeAtMs && left.order < right.order);

  function settleDown(moving: Sleeper): void {
    let at = 0;
    for (;;) {
      const left = heap[2 * at + 1];
      const right = heap[2 * at + 2];
      if (left === undefined) break;
      const child = right !== undefined && isBefore(right, left) ? right : left;
      if (!isBefore(child, moving)) break;
      heap[at] = child;
      at = child === left ? 2 * at + 1 : 2 * at + 2;
    }
    heap[at] = moving;
  }

  return {
    push: (sleeper) => {
      let at = heap.length;
      heap.push(sleeper);
      while (at > 0) {
        const parentAt = (at - 1) >> 1;
        const parent = heap[parentAt];
        if (parent === undefined || !isBefore(sleeper, parent)) break;
        heap[at] = parent;
        at = parentAt;
      }
      heap[at] = sleeper;
    },
    first: () => heap[0],
    shift: () => {
      const last = heap.pop();
      if (last !== undefined && heap.length > 0) settleDown(last);
    },
    size: () => heap.length,
    all: () => heap,
  };
}
