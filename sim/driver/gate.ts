import type { Clock } from "../../src/ports/clock.ts";
import type { ObjectStore } from "../../src/ports/store/object-store.ts";

/**
 * A process passes it before and after each wait. While it is shut, the process is paused as after
 * SIGSTOP; shut for good, it is dead.
 */
export interface Gate {
  shut(): void;
  open(): void;
  isShut(): boolean;
  /** Resolves while the gate is open. */
  passed(): Promise<void>;
}

/** An open gate; it is also shut while `outer` is. */
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

/** The clock of a process: timers that are due while it is paused fire when it resumes. */
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
 * The store as a process reaches it: a request that it sent just before a pause takes effect, and its
 * response arrives when it resumes.
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
 * Events as a process receives them: those that arrive during a pause wait. Written by hand, since a
 * generator around a generator takes as long as the rest of an event's handling.
 */
function gatedEvents<T>(events: AsyncIterable<T>, gate: Gate): AsyncIterable<T> {
  const arrived = (result: IteratorResult<T>): IteratorResult<T> | Promise<IteratorResult<T>> =>
    result.done !== true && gate.isShut() ? gate.passed().then(() => result) : result;
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

/** External calls of a process: during a pause none leaves and no response arrives. */
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
