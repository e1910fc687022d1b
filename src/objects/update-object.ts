import type { Failure } from "../core/failure/failure.ts";
import { fail, ok, type Result } from "../core/failure/result.ts";
import type { Kind, KindMap, ObjectStore } from "../ports/store/object-store.ts";

const CONFLICTS_MAX = 20;

/**
 * The object to change. With `uid`, only that object: another one under its name counts as missing
 * (`ObjectNotFound`). So does one for which `isTarget` does not hold.
 */
export interface ChangeTarget<K extends Kind> {
  readonly kind: K;
  readonly name: string;
  readonly uid?: string;
  readonly isTarget?: (object: KindMap[K]) => boolean;
}

/**
 * Reads an object uncached, changes metadata or spec, and writes it on that version; again on a conflict.
 * `change` answers undefined when nothing is to be changed.
 */
export function changeSpec<K extends Kind>(
  store: ObjectStore,
  target: ChangeTarget<K>,
  change: (object: KindMap[K]) => KindMap[K] | undefined,
  signal: AbortSignal,
): Promise<Result<KindMap[K], Failure>> {
  return changeWith(store, "update", target, change, signal);
}

/** The same for status. */
export function changeStatus<K extends Kind>(
  store: ObjectStore,
  target: ChangeTarget<K>,
  change: (object: KindMap[K]) => KindMap[K] | undefined,
  signal: AbortSignal,
): Promise<Result<KindMap[K], Failure>> {
  return changeWith(store, "updateStatus", target, change, signal);
}

async function changeWith<K extends Kind>(
  store: ObjectStore,
  verb: "update" | "updateStatus",
  target: ChangeTarget<K>,
  change: (object: KindMap[K]) => KindMap[K] | undefined,
  signal: AbortSignal,
): Promise<Result<KindMap[K], Failure>> {
  for (let attempt = 1; ; attempt += 1) {
    const read = await store.get(target.kind, target.name, signal);
    if (!read.ok) return read;
    const isOther = target.uid !== undefined && read.value.metadata.uid !== target.uid;
    if (isOther || target.isTarget?.(read.value) === false)
      return fail({ kind: "ObjectNotFound", objectKind: target.kind, name: target.name });
    const changed = change(read.value);
    if (changed === undefined) return ok(read.value);
    const written = await store[verb](target.kind, changed, signal);
    if (written.ok || written.failure.kind !== "ObjectConflict" || attempt >= CONFLICTS_MAX) return written;
  }
}
