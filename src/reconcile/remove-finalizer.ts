import type { Failure } from "../core/failure.ts";
import type { Result } from "../core/result.ts";
import type { Kind, KindMap, ObjectStore } from "../ports/object-store.ts";
import { changeSpec, type ChangeTarget } from "./change-object.ts";

/** Takes one finalizer off an object, which goes if it is being deleted and no other is left; finalizers of others stay. Fails as the store does, with `ObjectNotFound` where it is gone. */
export function removeFinalizer<K extends Kind>(
  store: ObjectStore,
  target: ChangeTarget<K>,
  finalizer: string,
  signal: AbortSignal,
): Promise<Result<KindMap[K], Failure>> {
  return changeSpec(
    store,
    target,
    (present) => ({ ...present, metadata: { ...present.metadata, finalizers: (present.metadata.finalizers ?? []).filter((other) => other !== finalizer) } }),
    signal,
  );
}
