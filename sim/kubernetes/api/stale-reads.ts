import type { ApiChange, ApiKind, ApiKinds } from "./api-objects.ts";
import type { ApiReads, ApiServer } from "./api-server.ts";

/** Lists and watches of an API server whose watch cache is behind. */
export interface StaleReads extends ApiReads {
  /** Its watch cache receives what it has missed. */
  catchUp(): void;
}

/**
 * Another API server of the same etcd, whose watch cache of some kinds stands still from now on. An informer
 * that has just started lists from that cache (`resourceVersion=0`), and so sees the past. One that runs
 * does not go back: a watch from a later version than the cache's delivers nothing until then, which is a
 * held view. Reads of single objects, and the driver's lists, ask etcd.
 */
export function createStaleReads(api: ApiServer, kinds: readonly ApiKind[]): StaleReads {
  const behind = new Map<ApiKind, ReadonlyMap<string, ApiKinds[ApiKind]>>(
    kinds.map((kind) => [kind, new Map(api.list(kind).map((object) => [object.name, object]))]),
  );
  const listeners = new Set<(change: ApiChange) => void>();

  return {
    get: <K extends ApiKind>(kind: K, name: string) => {
      const old = behind.get(kind);
      return old === undefined ? api.get(kind, name) : (old.get(name) as ApiKinds[K] | undefined);
    },
    list: <K extends ApiKind>(kind: K) => {
      const old = behind.get(kind);
      return old === undefined ? api.list(kind) : ([...old.values()] as ApiKinds[K][]);
    },
    onChange: (listener) => {
      listeners.add(listener);
      const stop = api.onChange((change) => {
        if (!behind.has(change.kind)) listener(change);
      });
      return () => {
        stop();
        listeners.delete(listener);
      };
    },
    restores: api.restores,
    catchUp: () => {
      for (const [kind, old] of [...behind]) {
        behind.delete(kind);
        for (const name of new Set([...old.keys(), ...api.list(kind).map((object) => object.name)])) {
          const change = { kind, name, previous: old.get(name), current: api.get(kind, name) } as ApiChange;
          if (change.previous !== change.current) for (const listener of listeners) listener(change);
        }
      }
    },
  };
}
