import { fail, type Result } from "../core/failure/result.ts";
import type { Clock } from "../ports/clock.ts";
import { unlessAborted } from "./unless-aborted.ts";

/**
 * How long a read delays the next one of its key at most, in milliseconds: the objective of Kubernetes for 99
 * of 100 calls to one object
 * (https://github.com/kubernetes/community/blob/master/sig-scalability/slos/api_call_latency.md).
 */
const HANGING_AFTER_MS = 1_000;

export interface SharedReadsOptions<Of, T> {
  readonly clock: Clock;
  /** Reads of one key are shared. */
  readonly keyOf: (of: Of) => string;
  /** Calls `onSent` just before it asks for what is there: until then callers join it. */
  readonly read: (of: Of, onSent: () => void, signal: AbortSignal) => Promise<T>;
}

/** A read, and the signals of those who wait for it. */
interface SharedRead<T> {
  readonly answer: Promise<T>;
  readonly callers: Set<AbortSignal>;
  readonly abort: AbortController;
}

/** A read that is under way. */
interface SentRead<T> {
  readonly read: SharedRead<T>;
  readonly sentMs: number;
}

/**
 * Reads that answer every caller that came before they were sent, and no later one: each caller gets what
 * was there at some time after its call, as with a read of its own. The next read of a key starts when the
 * one before it has ended, or has been under way for a second: one that hangs delays no later caller
 * further. Rejects with the signal's reason; a read is aborted with the last of its callers.
 */
export function sharedReads<Of, T>({
  clock,
  keyOf,
  read,
}: SharedReadsOptions<Of, T>): (of: Of, signal: AbortSignal) => Promise<T> {
  const unsent = new Map<string, SharedRead<T>>();
  /** Of each key the last one that was sent. */
  const sent = new Map<string, SentRead<T>>();

  function open(key: string, of: Of): SharedRead<T> {
    const { promise: answer, resolve } = Promise.withResolvers<T>();
    const own = { answer, callers: new Set<AbortSignal>(), abort: new AbortController() };
    unsent.set(key, own);
    resolve(run(key, of, own));
    return own;
  }

  async function run(key: string, of: Of, own: SharedRead<T>): Promise<T> {
    const { signal } = own.abort;
    const onSent = (): void => {
      if (unsent.get(key) !== own) return;
      unsent.delete(key);
      sent.set(key, { read: own, sentMs: clock.elapsedMs() });
    };
    const previous = sent.get(key);
    try {
      if (previous !== undefined) await untilEndedOrHanging(clock, previous, signal);
      return await read(of, onSent, signal);
    } finally {
      if (unsent.get(key) === own) unsent.delete(key);
      if (sent.get(key)?.read === own) sent.delete(key);
    }
  }

  return async (of, signal) => {
    signal.throwIfAborted();
    const key = keyOf(of);
    const present = unsent.get(key);
    const isJoinable = present !== undefined && !present.abort.signal.aborted;
    return join(isJoinable ? present : open(key, of), signal);
  };
}

/** `sharedReads` of results: fails with `Cancelled` when its caller is aborted. */
export function sharedResults<Of, T>(
  options: SharedReadsOptions<Of, Result<T>>,
): (of: Of, signal: AbortSignal) => Promise<Result<T>> {
  const shared = sharedReads(options);
  return async (of, signal) => {
    try {
      return await shared(of, signal);
    } catch (reason) {
      if (signal.aborted && reason === signal.reason) return fail({ kind: "Cancelled" });
      throw reason;
    }
  };
}

async function untilEndedOrHanging(
  clock: Clock,
  { read, sentMs }: SentRead<unknown>,
  signal: AbortSignal,
): Promise<void> {
  const over = new AbortController();
  const ended = read.answer.then(ignore, ignore);
  const leftMs = Math.max(0, sentMs + HANGING_AFTER_MS - clock.elapsedMs());
  try {
    await Promise.race([ended, clock.sleep(leftMs, AbortSignal.any([signal, over.signal]))]);
  } finally {
    over.abort();
  }
}

/** How a read ends matters to its own callers only. */
function ignore(): void {}

async function join<T>({ answer, callers, abort }: SharedRead<T>, signal: AbortSignal): Promise<T> {
  callers.add(signal);
  try {
    return await unlessAborted(answer, signal);
  } finally {
    callers.delete(signal);
    if (signal.aborted && callers.size === 0) abort.abort(signal.reason);
  }
}
