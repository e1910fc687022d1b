import type { Result } from "../core/failure/result.ts";
import type { Kind, KindMap, ObjectStore } from "../ports/store/object-store.ts";
import { changeSpec, type ChangeTarget } from "./update-object.ts";

/**
 * Removes one finalizer from an object that is being deleted; it is deleted if no other is left. An
 * object that is not being deleted stays unchanged: a restored backup reverts deletions, and without its
 * finalizer the object could be deleted later without any cleanup. Fails as the store does, with
 * `ObjectNotFound` where it is gone.
 */
export function removeFinalizer<K extends Kind>(
  store: ObjectStore,
  target: ChangeTarget<K>,
  finalizer: string,
  signal: AbortSignal,
): Promise<Result<KindMap[K]>> {
  return changeSpec(
    store,
    target,
    (present) =>
      present.metadata.deletionTimestamp === undefined ? undefined : withoutFinalizer(present, finalizer),
    signal,
  );
}

export function withoutFinalizer<T extends KindMap[Kind]>(object: T, finalizer: string): T {
  const { finalizers = [] } = object.metadata;
  return {
    ...object,
    metadata: { ...object.metadata, finalizers: finalizers.filter((other) => other !== finalizer) },
  };
}
