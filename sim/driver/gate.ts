import type { Clock } from "../../src/ports/clock.ts";
import type { ObjectStore } from "../../src/ports/store/object-store.ts";

/**
 * What a process passes before and after all that it waits for: shut, it stands still as after SIGSTOP;
 * shut for good, it is dead.
 */
export interface Gate {
  shut(): void;
  open(): void;
  isShut(): boolean;
  /** Resolves while the gate is open. */
  passed(): Promise<void>;
}

/** An open gate; behind `outer`, it is shut as well while that one is. */
export function createGate(outer?: Pick<Gate, "isShut" | "passed">): Gate {
  let opening: PromiseWithResolvers<void> | undefined;
  return {
    shut: () => {
      opening ??= Promise.withResolvers<void>();
    },
    open: () => {
      opening?.resolve();
      opening = undefined;
    },
    isShut: () => opening !== undefined || outer?.isShut() === true,
    passed: async () => {
      for (;;) {
        if (opening !== undefined) await opening.promise;
        else if (outer?.isShut() === true) await outer.passed();
        else return;
      }
    },
  };
}

/** The clock of a process: timers that are due while it stands still fire when it goes on. */
export function gatedClock(clock: Clock, gate: Gate): Clock {
  return {
    nowMs: clock.nowMs,
    elapsedMs: clock.elapsedMs,
    sleep: (ms, signal) =>
      clock
        .sleep(ms, signal)
        .then(() => (gate.isShut() ? gate.passed().then(() => signal.throwIfAborted()) : undefined)),
  };
}

/**
 * The store as a process reaches it: what it asked for just before it stood still is done, and it learns of
 * it when it goes on.
 */
export function gatedStore(store: ObjectStore, gate: Gate): ObjectStore {
  const { get, list, create, update, updateStatus, delete: remove, watch } = store;
  return {
    ...gatedCalls({ get, list, create, update, updateStatus, delete: remove }, gate),
    watch: (kind, selector, resourceVersion, signal) =>
      gatedEvents(watch(kind, selector, resourceVersion, signal), gate),
  };
}

/**
 * Events as a process hears them: what comes while it stands still waits. By hand, since a generator around
 * a generator takes as long as all else that becomes of an event.
 */
function gatedEvents<T>(events: AsyncIterable<T>, gate: Gate): AsyncIterable<T> {
  const arrived = (heard: IteratorResult<T>): IteratorResult<T> | Promise<IteratorResult<T>> =>
    heard.done !== true && gate.isShut() ? gate.passed().then(() => heard) : heard;
  return {
    [Symbol.asyncIterator]: () => {
      const iterator = events[Symbol.asyncIterator]();
      return {
        next: () => iterator.next().then(arrived),
        return: () => iterator.return?.() ?? Promise.resolve({ done: true, value: undefined }),
      };
    },
  };
}

/** Calls to the outside that a process makes: none leaves while it stands still, and no answer arrives. */
export function gatedCalls<T extends object>(
  calls: T & { readonly [K in keyof T]: (...values: never[]) => Promise<unknown> },
  gate: Gate,
): T {
  const arrived = (answer: unknown): unknown => (gate.isShut() ? gate.passed().then(() => answer) : answer);
  const gated = Object.entries<(...values: unknown[]) => Promise<unknown>>(
    calls as object as Record<string, never>,
  ).map(([name, call]) => [
    name,
    (...values: unknown[]): Promise<unknown> =>
      (gate.isShut() ? gate.passed().then(() => call(...values)) : call(...values)).then(arrived),
  ]);
  // Each method keeps its name and its signature.
  return Object.fromEntries(gated) as T;
}
