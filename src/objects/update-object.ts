import type { AzVolume, VolumeStatus } from "../core/api/az-volume.ts";
import { fail, ok, type Result } from "../core/failure/result.ts";
import type { Kind, KindMap, ObjectStore } from "../ports/store/object-store.ts";

/** How often a write is tried whose object has changed since it was read. */
export const CONFLICTS_MAX = 20;

/**
 * The object to change. With `uid`, only that object: another one under its name counts as missing
 * (`ObjectNotFound`). So does one for which `isTarget` does not hold.
 */
export interface ChangeTarget<K extends Kind> {
  readonly kind: K;
  readonly name: string;
  readonly uid?: string;
  readonly isTarget?: (object: KindMap[K]) => boolean;
  /**
   * The object as a cache shows it now. It is changed first, without a read: if the store has another
   * version, the write is refused, and the object read. Only for kinds whose objects grant nothing, since a
   * cache may not show yet that the store was rolled back.
   */
  readonly seen?: () => KindMap[K] | undefined;
}

/** Exactly this volume: a later one of the same name has its own life, and its own disk. */
export function targetOf({ metadata: { name, uid } }: AzVolume): ChangeTarget<"AzVolume"> {
  return { kind: "AzVolume", name, uid };
}

/**
 * Changes metadata or spec of an object and writes it on the version that was changed; again on a conflict.
 * `change` answers undefined when nothing is to be changed, which counts for an object that was read
 * uncached.
 */
export function changeSpec<K extends Kind>(
  store: ObjectStore,
  target: ChangeTarget<K>,
  change: (object: KindMap[K]) => KindMap[K] | undefined,
  signal: AbortSignal,
): Promise<Result<KindMap[K]>> {
  return changeWith(store, "update", target, change, signal);
}

export function changeStatus<K extends Kind>(
  store: ObjectStore,
  target: ChangeTarget<K>,
  change: (object: KindMap[K]) => KindMap[K] | undefined,
  signal: AbortSignal,
): Promise<Result<KindMap[K]>> {
  return changeWith(store, "updateStatus", target, change, signal);
}

/** The same for exactly this volume. One without a status stays as it is. */
export function changeVolumeStatus(
  store: ObjectStore,
  volume: AzVolume,
  change: (status: VolumeStatus, present: AzVolume) => VolumeStatus | undefined,
  signal: AbortSignal,
): Promise<Result<AzVolume>> {
  const changed = (present: AzVolume): AzVolume | undefined => {
    const status = present.status === undefined ? undefined : change(present.status, present);
    return status === undefined ? undefined : { ...present, status };
  };
  return changeStatus(store, targetOf(volume), changed, signal);
}

async function changeWith<K extends Kind>(
  store: ObjectStore,
  verb: "update" | "updateStatus",
  target: ChangeTarget<K>,
  change: (object: KindMap[K]) => KindMap[K] | undefined,
  signal: AbortSignal,
): Promise<Result<KindMap[K]>> {
  const seen = target.seen?.();
  if (seen !== undefined && isTarget(target, seen)) {
    const changed = change(seen);
    const written = changed === undefined ? undefined : await store[verb](target.kind, changed, signal);
    if (written !== undefined && (written.ok || written.failure.kind !== "ObjectConflict")) return written;
  }
  for (let attempt = 1; ; attempt += 1) {
    const read = await store.get(target.kind, target.name, signal);
    if (!read.ok) return read;
    if (!isTarget(target, read.value))
      return fail({ kind: "ObjectNotFound", objectKind: target.kind, name: target.name });
    const changed = change(read.value);
    if (changed === undefined) return ok(read.value);
    const written = await store[verb](target.kind, changed, signal);
    if (written.ok || written.failure.kind !== "ObjectConflict" || attempt >= CONFLICTS_MAX) return written;
  }
}

function isTarget<K extends Kind>(target: ChangeTarget<K>, object: KindMap[K]): boolean {
  if (target.uid !== undefined && object.metadata.uid !== target.uid) return false;
  return target.isTarget?.(object) ?? true;
}
