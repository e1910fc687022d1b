import { fail, ok, type Result } from "../core/failure/result.ts";
import { mayBeFilledFrom, whySourceIsKept } from "../core/volume/copies/copy-progress.ts";
import type { ObjectStore } from "../ports/store/object-store.ts";
import type { ObjectCache } from "./cache/object-cache.ts";

/**
 * Whether a snapshot or disk may be deleted: Azure fills no disk of a volume from it. The cache names the
 * volumes that are looked at, and their objects decide. Fails with `SourceBeingCopied`,
 * and with `StillWaiting` until an adopted disk has been looked at.
 */
export async function checkNoCopyNeeds(
  { store, cache }: { readonly store: ObjectStore; readonly cache: Pick<ObjectCache, "list"> },
  sourceUri: string,
  signal: AbortSignal,
): Promise<Result<void>> {
  for (const cached of cache.list("AzVolume")) {
    if (!mayBeFilledFrom(cached, sourceUri)) continue;
    const fresh = await store.get("AzVolume", cached.metadata.name, signal);
    if (!fresh.ok && fresh.failure.kind !== "ObjectNotFound") return fresh;
    const kept = fresh.ok ? whySourceIsKept(fresh.value, sourceUri) : undefined;
    if (kept !== undefined) return fail(kept);
  }
  return ok(undefined);
}
