import { sameJson } from "../../../src/core/primitives/same-json.ts";
import type { ApiChange, ApiKind, ApiKinds } from "./api-objects.ts";
import { createSwitch } from "./switch.ts";

/**
 * The current objects, for their writers and for checkers. Everything takes effect at once; views decide
 * which process sees it when.
 */
export interface ApiServer {
  get<K extends ApiKind>(kind: K, name: string): ApiKinds[K] | undefined;
  /** In the order of creation. */
  list<K extends ApiKind>(kind: K): readonly ApiKinds[K][];
  /** Creates an object, or replaces it. */
  put<K extends ApiKind>(kind: K, object: ApiKinds[K]): void;
  /**
   * Changes an existing object; returns whether it existed. A change without effect causes no event, as a
   * real API server writes none.
   */
  change<K extends ApiKind>(kind: K, name: string, change: Partial<ApiKinds[K]>): boolean;
  remove(kind: ApiKind, name: string): void;
  /** Calls `listener` within each change. Returns how to stop it. */
  onChange(listener: (change: ApiChange) => void): () => void;
  snapshot(): ApiSnapshot;
  /** Puts the objects of a snapshot back, as a restored backup of etcd does. */
  restore(snapshot: ApiSnapshot): void;
  /** How often a snapshot was restored. */
  restores(): number;
  /** When a kubelet last renewed its Lease, on the cluster's clock; undefined: never. */
  leaseRenewedMs(nodeName: string): number | undefined;
  renewLease(nodeName: string, atMs: number): void;
  isReachable(): boolean;
  setReachable(isReachable: boolean): void;
  /** Resolves while it responds. Rejects with the signal's reason. */
  untilReachable(signal: AbortSignal): Promise<void>;
}

/** What a process lists and watches: not all API servers of a cluster show the same state. */
export type ApiReads = Pick<ApiServer, "get" | "list" | "onChange" | "restores">;

type Objects = { readonly [K in ApiKind]: Map<string, ApiKinds[K]> };

/** All objects of an API server at one moment. */
export type ApiSnapshot = ReadonlyMap<ApiKind, ReadonlyMap<string, ApiKinds[ApiKind]>>;

/** An API server without objects. */
export function createApiServer(): ApiServer {
  const objects: Objects = {
    Pod: new Map(),
    Node: new Map(),
    StatefulSet: new Map(),
    Claim: new Map(),
    PersistentVolume: new Map(),
    VolumeAttachment: new Map(),
    VolumeSnapshot: new Map(),
  };
  const leases = new Map<string, number>();
  const listeners = new Set<(change: ApiChange) => void>();
  const reachable = createSwitch();
  const kinds = Object.keys(objects) as readonly ApiKind[];
  let restores = 0;
  const mapOf = <K extends ApiKind>(kind: K): Map<string, ApiKinds[K]> =>
    objects[kind] as Map<string, ApiKinds[K]>;

  function notify<K extends ApiKind>(
    kind: K,
    name: string,
    previous: ApiKinds[K] | undefined,
    current: ApiKinds[K] | undefined,
  ): void {
    const change = { kind, name, previous, current } as ApiChange;
    for (const listener of listeners) listener(change);
  }

  function put<K extends ApiKind>(kind: K, object: ApiKinds[K]): void {
    const map = mapOf(kind);
    const previous = map.get(object.name);
    map.set(object.name, object);
    notify(kind, object.name, previous, object);
  }

  function remove(kind: ApiKind, name: string): void {
    const previous = mapOf(kind).get(name);
    if (previous === undefined) return;
    mapOf(kind).delete(name);
    notify(kind, name, previous, undefined);
  }

  return {
    get: (kind, name) => mapOf(kind).get(name),
    list: (kind) => [...mapOf(kind).values()],
    put,
    change: (kind, name, change) => {
      const present = mapOf(kind).get(name);
      if (present === undefined) return false;
      const changed = { ...present, ...change };
      if (!sameJson(present, changed)) put(kind, changed);
      return true;
    },
    remove,
    snapshot: () => new Map(kinds.map((kind) => [kind, new Map(mapOf(kind))])),
    restore: (snapshot) => {
      restores++;
      for (const kind of kinds) {
        const kept = snapshot.get(kind) ?? new Map<string, ApiKinds[ApiKind]>();
        for (const name of [...mapOf(kind).keys()]) if (!kept.has(name)) remove(kind, name);
        for (const [name, object] of kept) if (mapOf(kind).get(name) !== object) put(kind, object);
      }
    },
    restores: () => restores,
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    leaseRenewedMs: (nodeName) => leases.get(nodeName),
    renewLease: (nodeName, atMs) => {
      leases.set(nodeName, atMs);
    },
    isReachable: reachable.isOn,
    setReachable: reachable.set,
    untilReachable: reachable.untilOn,
  };
}
