import type { Result } from "../../core/failure/result.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Kind, KindMap, LabelSelector, ObjectStore } from "../../ports/store/object-store.ts";
import { sharedResults } from "../../runtime/shared-reads.ts";
import type { ObjectCache } from "./object-cache.ts";

/**
 * Kinds of which many calls read one object at once: the one Lease, and the node of a burst of publishes. An
 * AzVolume is read by one or two calls at once, and a read of its own takes each of them less time.
 */
const READ_BY_MANY: readonly Kind[] = ["Lease", "AzDriverNode", "ClusterNode"];

/** As many list at once: a burst of attaches lists its node's attachments and the volumes with its label. */
const LISTED_BY_MANY: readonly Kind[] = ["AzVolumeAttachment", "AzVolume"];

/**
 * A store whose writes enter the cache at once: a reconciler plans on its own last write instead of
 * repeating it until the watch confirms it. Kinds that the cache does not follow pass through. Reads that
 * many calls make at once are shared.
 */
export function writeThroughStore(
  store: ObjectStore,
  { clock, cache }: { readonly clock: Clock; readonly cache: Pick<ObjectCache, "remember"> },
  kinds: readonly Kind[],
): ObjectStore {
  const remembered = async <K extends Kind>(
    kind: K,
    writing: Promise<Result<KindMap[K]>>,
  ): Promise<Result<KindMap[K]>> => {
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
  const get = sharedBy(
    clock,
    ({ kind, name }: { readonly kind: Kind; readonly name: string }, signal) =>
      store.get<Kind>(kind, name, signal),
    ({ kind, name }) => `${kind}/${name}`,
  );
  const list = sharedBy(
    clock,
    ({ kind, selector }: { readonly kind: Kind; readonly selector: LabelSelector }, signal) =>
      store.list<Kind>(kind, selector, signal),
    ({ kind, selector }) => `${kind}/${JSON.stringify(selector)}`,
  );
  return {
    ...store,
    get: <K extends Kind>(kind: K, name: string, signal: AbortSignal) =>
      READ_BY_MANY.includes(kind)
        ? (get({ kind, name }, signal) as Promise<Result<KindMap[K]>>)
        : store.get(kind, name, signal),
    list: <K extends Kind>(kind: K, selector: LabelSelector, signal: AbortSignal) =>
      LISTED_BY_MANY.includes(kind)
        ? (list({ kind, selector }, signal) as ReturnType<typeof store.list<K>>)
        : store.list(kind, selector, signal),
    create: (kind, object, signal) => remembered(kind, store.create(kind, object, signal)),
    update: (kind, object, signal) => remembered(kind, store.update(kind, object, signal)),
    updateStatus: (kind, object, signal) => remembered(kind, store.updateStatus(kind, object, signal)),
  };
}

/** An uncached read of what `of` names. Fails with `Cancelled` when its caller is aborted. */
type ReadOf<Of, T> = (of: Of, signal: AbortSignal) => Promise<Result<T>>;

function sharedBy<Of, T>(clock: Clock, read: ReadOf<Of, T>, keyOf: (of: Of) => string): ReadOf<Of, T> {
  return sharedResults({
    clock,
    keyOf,
    read: (of, onSent, signal) => {
      onSent();
      return read(of, signal);
    },
  });
}
