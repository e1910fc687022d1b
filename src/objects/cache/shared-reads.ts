import type { Failure } from "../../core/failure/failure.ts";
import { fail, type Result } from "../../core/failure/result.ts";
import type { Kind, KindMap, ObjectStore } from "../../ports/store/object-store.ts";

type Read<K extends Kind> = Promise<Result<KindMap[K], Failure>>;

/** A read that has not been sent yet, and those who wait for it. */
interface NextRead<K extends Kind> {
  readonly answer: Read<K>;
  readonly signals: Set<AbortSignal>;
  readonly abort: AbortController;
}

/**
 * The `get` of a store for one kind, of which each name has at most two reads at once: one under way, and
 * one that starts after it and answers every caller that has come by then. Each caller thus gets what the
 * store shows at some time after its call, as with a read of its own. An aborted caller gets `Cancelled`;
 * a read is aborted with the last of its callers.
 */
export function sharedReads<K extends Kind>(
  store: Pick<ObjectStore, "get">,
  kind: K,
): (name: string, signal: AbortSignal) => Read<K> {
  const underWay = new Map<string, Read<K>>();
  const waiting = new Map<string, NextRead<K>>();

  function start(name: string, signal: AbortSignal): Read<K> {
    const reading = store.get(kind, name, signal);
    underWay.set(name, reading);
    const forget = (): void => {
      if (underWay.get(name) === reading) underWay.delete(name);
    };
    reading.then(forget, forget);
    return reading;
  }

  async function startAfter(previous: Read<K>, name: string, abort: AbortController): Read<K> {
    await previous.catch(() => undefined);
    waiting.delete(name);
    return start(name, abort.signal);
  }

  function nextOf(previous: Read<K>, name: string): NextRead<K> {
    const present = waiting.get(name);
    if (present !== undefined && !present.abort.signal.aborted) return present;
    const abort = new AbortController();
    const next = { answer: startAfter(previous, name, abort), signals: new Set<AbortSignal>(), abort };
    waiting.set(name, next);
    return next;
  }

  return async (name, signal) => {
    const previous = underWay.get(name);
    return previous === undefined ? start(name, signal) : join(nextOf(previous, name), signal);
  };
}

/** The answer of a shared read, or `Cancelled` as soon as the caller is aborted. */
async function join<K extends Kind>(next: NextRead<K>, signal: AbortSignal): Read<K> {
  if (signal.aborted) return fail({ kind: "Cancelled" });
  const waitsOf = next.signals;
  waitsOf.add(signal);
  let stopListening: () => void = () => undefined;
  const aborted = new Promise<Result<KindMap[K], Failure>>((resolve) => {
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
