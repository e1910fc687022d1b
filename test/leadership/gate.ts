import type { VirtualClock } from "../../src/adapters/virtual/virtual-clock.ts";
import type { Clock } from "../../src/ports/clock.ts";
import type { ObjectStore } from "../../src/ports/object-store.ts";

/** What a process passes before and after all that it waits for: shut, it stands still as after SIGSTOP. */
export interface Gate {
  shut(): void;
  open(): void;
  isShut(): boolean;
  /** Resolves while the gate is open. */
  passed(): Promise<void>;
}

/** An open gate. */
export function createGate(): Gate {
  let opening: PromiseWithResolvers<void> | undefined;
  return {
    shut: () => {
      opening ??= Promise.withResolvers<void>();
    },
    open: () => {
      opening?.resolve();
      opening = undefined;
    },
    isShut: () => opening !== undefined,
    passed: async () => {
      while (opening !== undefined) await opening.promise;
    },
  };
}

/** The clock of a process, at its own rate: timers that are due while it stands still fire when it goes on. */
export function gatedClock(clock: VirtualClock, rate: number, gate: Gate): Clock {
  return {
    nowMs: () => clock.nowMs(),
    elapsedMs: () => clock.elapsedMs() * rate,
    sleep: async (ms, signal) => {
      await clock.sleep(ms / rate, signal);
      await gate.passed();
      signal.throwIfAborted();
    },
  };
}

/** The store as a process reaches it: what it asked for just before it stood still is done, and it learns of it when it goes on. */
export function gatedStore(store: ObjectStore, gate: Gate): ObjectStore {
  const gated = async <T>(call: () => Promise<T>): Promise<T> => {
    await gate.passed();
    const answer = await call();
    await gate.passed();
    return answer;
  };
  return {
    get: (kind, objectName, signal) => gated(() => store.get(kind, objectName, signal)),
    list: (kind, selector, signal) => gated(() => store.list(kind, selector, signal)),
    create: (kind, object, signal) => gated(() => store.create(kind, object, signal)),
    update: (kind, object, signal) => gated(() => store.update(kind, object, signal)),
    updateStatus: (kind, object, signal) => gated(() => store.updateStatus(kind, object, signal)),
    delete: (kind, objectName, preconditions, signal) => gated(() => store.delete(kind, objectName, preconditions, signal)),
    watch: async function* (kind, selector, resourceVersion, signal) {
      for await (const event of store.watch(kind, selector, resourceVersion, signal)) {
        await gate.passed();
        yield event;
      }
    },
  };
}
