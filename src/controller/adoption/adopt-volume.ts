import type { AzVolume } from "../../core/api/az-volume.ts";
import { claimLabels } from "../../core/api/claim-labels.ts";
import { VOLUME_FINALIZER } from "../../core/api/finalizers.ts";
import { isOfDisk } from "../../core/api/identity/disk-uri-of.ts";
import { foreignVolumeObjectName, volumeObjectNames } from "../../core/api/object-names.ts";
import { fail, ok, type Result } from "../../core/failure/result.ts";
import type { DiskFacts } from "../../ports/cloud/cloud-provisioner.ts";
import type { ObjectStore } from "../../ports/store/object-store.ts";
import { isMadeByDriver } from "../disk/disk-tags.ts";
import { adoptedSpec, type StatedUse } from "./adopted-spec.ts";

/**
 * Creates the AzVolume of a disk that has none, or returns the one created concurrently. The name depends
 * on the disk alone: two objects for one disk would be two writer records. Fails with `ObjectConflict`
 * where its names belong to other disks' objects.
 */
export async function adoptVolume(
  ports: { readonly store: ObjectStore },
  disk: DiskFacts,
  stated: StatedUse,
  signal: AbortSignal,
): Promise<Result<{ readonly volume: AzVolume; readonly isNew: boolean }>> {
  const { diskUri } = disk;
  const spec = adoptedSpec(disk, stated);
  const labels = stated.claim && claimLabels({ ...stated.claim, volume: stated.name });
  const names = isMadeByDriver(disk.tags) ? volumeObjectNames(diskUri) : [foreignVolumeObjectName(diskUri)];
  for (const name of names) {
    const created = await ports.store.create(
      "AzVolume",
      { metadata: { name, finalizers: [VOLUME_FINALIZER], ...(labels && { labels }) }, spec },
      signal,
    );
    if (created.ok) return ok({ volume: created.value, isNew: true });
    if (created.failure.kind !== "ObjectAlreadyExists") return created;
    const present = await ports.store.get("AzVolume", name, signal);
    if (!present.ok) return present;
    if (isOfDisk(present.value, diskUri)) return ok({ volume: present.value, isNew: false });
  }
  return fail({ kind: "ObjectConflict", objectKind: "AzVolume", name: names.at(-1) ?? diskUri });
}
