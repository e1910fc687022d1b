import { fail, type Result } from "../core/failure/result.ts";
import type { ObjectStore } from "../ports/store/object-store.ts";

/**
 * The same store for a loop whose many workers wait for Azure most of the time: at most `callsMax` of its
 * calls are under way at once, watches apart, and the others begin in the order of their arrival. A process
 * has few connections to its store (docs/adr/0031), and a call that waits for one delays all later ones: a
 * loop that writes thousands of objects at once would hold up CSI's calls. A call that waits here answers
 * `Cancelled` once its signal is aborted.
 */
export function limitedStore(store: ObjectStore, callsMax: number): ObjectStore {
  let underWay = 0;
  const waiting = new Set<() => void>();

  function end(): void {
    underWay -= 1;
    for (const next of waiting) {
      next();
      return;
    }
  }

  function begin<T>(call: () => Promise<Result<T>>): Promise<Result<T>> {
    const answer = call();
    underWay += 1;
    answer.then(end, end);
    return answer;
  }

  function limited<T>(signal: AbortSignal, call: () => Promise<Result<T>>): Promise<Result<T>> {
    if (underWay < callsMax) return begin(call);
    if (signal.aborted) return Promise.resolve(fail({ kind: "Cancelled" }));
    return new Promise((resolve) => {
      const leave = (): void => {
        waiting.delete(start);
        resolve(fail({ kind: "Cancelled" }));
      };
      const start = (): void => {
        waiting.delete(start);
        signal.removeEventListener("abort", leave);
        resolve(begin(call));
      };
      waiting.add(start);
      signal.addEventListener("abort", leave, { once: true });
    });
  }

  return {
    ...store,
    get: (kind, name, signal) => limited(signal, () => store.get(kind, name, signal)),
    list: (kind, selector, signal) => limited(signal, () => store.list(kind, selector, signal)),
    create: (kind, object, signal) => limited(signal, () => store.create(kind, object, signal)),
    update: (kind, object, signal) => limited(signal, () => store.update(kind, object, signal)),
    updateStatus: (kind, object, signal) => limited(signal, () => store.updateStatus(kind, object, signal)),
    delete: (kind, name, preconditions, signal) =>
      limited(signal, () => store.delete(kind, name, preconditions, signal)),
  };
}
