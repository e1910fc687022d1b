import type { ObjectStore } from "../../ports/store/object-store.ts";

/** The store; each read and change of an object is noted in `calls` first, such as `get AzVolume`. */
export function recordedCalls(store: ObjectStore, calls: string[]): ObjectStore {
  return {
    ...store,
    get: (kind, ...rest) => {
      calls.push(`get ${kind}`);
      return store.get(kind, ...rest);
    },
    update: (kind, ...rest) => {
      calls.push(`update ${kind}`);
      return store.update(kind, ...rest);
    },
    updateStatus: (kind, ...rest) => {
      calls.push(`updateStatus ${kind}`);
      return store.updateStatus(kind, ...rest);
    },
  };
}
