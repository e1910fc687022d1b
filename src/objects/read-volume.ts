import type { AzVolume } from "../core/api/az-volume.ts";
import { diskUriOf } from "../core/api/identity/disk-uri-of.ts";
import { volumeObjectNames } from "../core/api/object-names.ts";
import { isSameResourceUri, parseDiskUri, resourceUriKey } from "../core/azure/ids/disk-uri.ts";
import { fail, type Result } from "../core/failure/result.ts";
import type { ObjectStore } from "../ports/store/object-store.ts";
import type { ObjectCache } from "./cache/object-cache.ts";

/**
 * Reads the AzVolume of a CSI volume id, uncached. The cache only suggests which name to try first: the
 * object may have been recreated under another. Fails with `VolumeNotFound`.
 */
export async function readVolume(
  ports: { readonly store: ObjectStore; readonly cache: ObjectCache },
  volumeId: string,
  signal: AbortSignal,
): Promise<Result<AzVolume>> {
  // The key leaves out a slash at the end, and attachments are named by the id: a second one would be made.
  if (parseDiskUri(volumeId) === undefined) return fail({ kind: "VolumeNotFound", volumeId });
  const cached = ports.cache
    .byIndex("AzVolume", "diskUri", resourceUriKey(volumeId))
    .map(({ metadata }) => metadata.name);
  for (const name of new Set([...cached, ...volumeObjectNames(volumeId)])) {
    const read = await ports.store.get("AzVolume", name, signal);
    if (read.ok && isSameResourceUri(diskUriOf(read.value) ?? "", volumeId)) return read;
    if (!read.ok && read.failure.kind !== "ObjectNotFound") return read;
  }
  return fail({ kind: "VolumeNotFound", volumeId });
}
