import type { Failure } from "../../core/failure/failure.ts";
import type { Result } from "../../core/failure/result.ts";
import type { Kind, KindMap, ObjectStore } from "../../ports/store/object-store.ts";
import type { ObjectCache } from "./object-cache.ts";
import { sharedReads } from "./shared-reads.ts";

/**
 * A store whose writes enter the cache at once: a reconciler plans on its own last write instead of
 * repeating it until the watch confirms it. Kinds that the cache does not follow pass through. Reads of the
 * Lease are shared.
 */
export function writeThroughStore(
  store: ObjectStore,
  cache: Pick<ObjectCache, "remember">,
  kinds: readonly Kind[],
): ObjectStore {
  const remembered = async <K extends Kind>(
    kind: K,
    writing: Promise<Result<KindMap[K], Failure>>,
  ): Promise<Result<KindMap[K], Failure>> => {
    const written = await writing;
    // An object whose last finalizer was removed is gone; the response of its last write must not bring
    // it back.
    const isGone =
      written.ok &&
      written.value.metadata.deletionTimestamp !== undefined &&
      (written.value.metadata.finalizers ?? []).length === 0;
    if (written.ok && !isGone && kinds.includes(kind)) cache.remember(kind, written.value);
    return written;
  };
  // Many writes at once read the one Lease.
  const getLease = sharedReads(store, "Lease");
  return {
    ...store,
    get: <K extends Kind>(kind: K, name: string, signal: AbortSignal) =>
      kind === "Lease"
        ? (getLease(name, signal) as Promise<Result<KindMap[K], Failure>>)
        : store.get(kind, name, signal),
    create: (kind, object, signal) => remembered(kind, store.create(kind, object, signal)),
    update: (kind, object, signal) => remembered(kind, store.update(kind, object, signal)),
    updateStatus: (kind, object, signal) => remembered(kind, store.updateStatus(kind, object, signal)),
  };
}
