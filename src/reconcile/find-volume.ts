import type { Failure } from "../core/failure.ts";
import type { AzVolume } from "../core/model/az-volume.ts";
import { isSameResourceUri, resourceUriKey } from "../core/model/disk-uri.ts";
import { volumeObjectNames } from "../core/model/object-names.ts";
import { fail, ok, type Result } from "../core/result.ts";
import type { ObjectStore } from "../ports/object-store.ts";
import type { ObjectCache } from "./object-cache.ts";

/** Reads the AzVolume of a CSI volume id afresh; the cache only tells under which name to look first: it may have been made anew under another. Fails with `VolumeNotFound`. */
export async function readVolume(
  ports: { readonly store: ObjectStore; readonly cache: ObjectCache },
  volumeId: string,
  signal: AbortSignal,
): Promise<Result<AzVolume, Failure>> {
  const cached = ports.cache.byIndex("AzVolume", "diskUri", resourceUriKey(volumeId)).map(({ metadata }) => metadata.name);
  for (const name of new Set([...cached, ...volumeObjectNames(volumeId)])) {
    const read = await ports.store.get("AzVolume", name, signal);
    if (read.ok && isSameResourceUri(read.value.status?.detail?.diskUri ?? read.value.spec.diskUri ?? "", volumeId)) return read;
    if (!read.ok && read.failure.kind !== "ObjectNotFound") return read;
  }
  return fail({ kind: "VolumeNotFound", volumeId });
}

/** The same for callers that only ask whether it exists. */
export async function findVolume(
  ports: { readonly store: ObjectStore; readonly cache: ObjectCache },
  volumeId: string,
  signal: AbortSignal,
): Promise<Result<AzVolume | undefined, Failure>> {
  const read = await readVolume(ports, volumeId, signal);
  return read.ok || read.failure.kind !== "VolumeNotFound" ? read : ok(undefined);
}
