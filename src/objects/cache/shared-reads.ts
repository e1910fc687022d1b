import type { Failure } from "../../core/failure/failure.ts";
import { fail, type Result } from "../../core/failure/result.ts";

/** An uncached read of what `of` names. */
type ReadOf<Of, T> = (of: Of, signal: AbortSignal) => Promise<Result<T, Failure>>;

/** A read that has not been sent yet, and those who wait for it. */
interface NextRead<T> {
  readonly answer: Promise<Result<T, Failure>>;
  readonly signals: Set<AbortSignal>;
  readonly abort: AbortController;
}

/**
 * Reads of which each key has at most two at once: one under way, and one that starts after it and answers
 * every caller that has come by then. Each caller thus gets what the store shows at some time after its
 * call, as with a read of its own. An aborted caller gets `Cancelled`; a read is aborted with the last of
 * its callers.
 */
export function sharedReads<Of, T>(read: ReadOf<Of, T>, keyOf: (of: Of) => string): ReadOf<Of, T> {
  const underWay = new Map<string, Promise<Result<T, Failure>>>();
  const waiting = new Map<string, NextRead<T>>();

  function start(key: string, of: Of, signal: AbortSignal): Promise<Result<T, Failure>> {
    const reading = read(of, signal);
    underWay.set(key, reading);
    const forget = (): void => {
      if (underWay.get(key) === reading) underWay.delete(key);
    };
    reading.then(forget, forget);
    return reading;
  }

  async function startAfter(
    previous: Promise<unknown>,
    key: string,
    of: Of,
    abort: AbortController,
  ): Promise<Result<T, Failure>> {
    await previous.catch(() => undefined);
    waiting.delete(key);
    return start(key, of, abort.signal);
  }

  function nextOf(previous: Promise<unknown>, key: string, of: Of): NextRead<T> {
    const present = waiting.get(key);
    if (present !== undefined && !present.abort.signal.aborted) return present;
    const abort = new AbortController();
    const next = { answer: startAfter(previous, key, of, abort), signals: new Set<AbortSignal>(), abort };
    waiting.set(key, next);
    return next;
  }

  return async (of, signal) => {
    if (signal.aborted) return fail({ kind: "Cancelled" });
    const key = keyOf(of);
    const previous = underWay.get(key);
    return previous === undefined ? start(key, of, signal) : join(nextOf(previous, key, of), signal);
  };
}

/** The answer of a shared read, or `Cancelled` as soon as the caller is aborted. */
async function join<T>(next: NextRead<T>, signal: AbortSignal): Promise<Result<T, Failure>> {
  const waitsOf = next.signals;
  waitsOf.add(signal);
  let stopListening: () => void = () => undefined;
  const aborted = new Promise<Result<T, Failure>>((resolve) => {
    const onAbort = (): void => {
      waitsOf.delete(signal);
      if (waitsOf.size === 0) next.abort.abort(signal.reason);
      resolve(fail({ kind: "Cancelled" }));
    };
    signal.addEventListener("abort", onAbort, { once: true });
    stopListening = () => signal.removeEventListener("abort", onAbort);
  });
  try {
    return await Promise.race([next.answer, aborted]);
  } finally {
    stopListening();
  }
}
