import type { AzVolume } from "../../core/api/az-volume.ts";
import { VOLUME_FINALIZER } from "../../core/api/finalizers.ts";
import { isDeletedByHand } from "../../core/attachment/observed-volume.ts";
import { ok } from "../../core/failure/result.ts";
import { gibToBytes } from "../../core/primitives/units.ts";
import { areStateTagsDue } from "../../core/volume/state-tags.ts";
import { withoutFinalizer } from "../../objects/remove-finalizer.ts";
import { changeSpec } from "../../objects/update-object.ts";
import type { Reconciled } from "../../runtime/queue/control-loop.ts";
import type { ControllerPorts } from "../controller-ports.ts";

/**
 * An AzVolume that was deleted by hand, by pruning or with its CRD: the disk stays, and the object is made
 * again, its record *unverified*. Only where Azure says that there is no such disk does the object go for
 * good. It goes only once Azure answers for the disk, without which nothing is adopted, and the disk's tags
 * keep its state, which the `tags` loop writes. Until then it serves as before. A crash in between leaves
 * the disk without an object; recovery finds it by its tags, and publishing it adopts it.
 */
export async function rebuildVolume(
  ports: ControllerPorts,
  volume: AzVolume,
  signal: AbortSignal,
): Promise<Reconciled> {
  const { name, uid } = volume.metadata;
  const knownUri = diskUriOf(volume);
  const disk = knownUri === undefined ? undefined : await ports.cloud.getDisk({ diskUri: knownUri }, signal);
  const isDiskGone = disk?.ok === false && disk.failure.kind === "DiskNotFound";
  if (!isDiskGone) {
    const about = { kind: "AzVolume", name } as const;
    ports.events.emit({
      about,
      reason: "DeletedByHand",
      message: "the AzVolume was deleted without DeleteVolume",
    });
  }
  if (disk?.ok === false && !isDiskGone) return disk;
  // Judged on the very version on which the object goes: its state may change at any time.
  const mayGo = (present: AzVolume): boolean =>
    isDeletedByHand(present) && (isDiskGone || !areStateTagsDue(present.status));
  const removed = await changeSpec(
    ports.store,
    { kind: "AzVolume", name, uid },
    (present) => (mayGo(present) ? withoutFinalizer(present, VOLUME_FINALIZER) : undefined),
    signal,
  );
  if (!removed.ok && removed.failure.kind !== "ObjectNotFound") return removed;
  const last = removed.ok ? removed.value : volume;
  // The next write of its tags, or of the mark of DeleteVolume, brings the volume here again.
  if (removed.ok && last.metadata.finalizers?.includes(VOLUME_FINALIZER)) return ok({});
  const diskUri = diskUriOf(last);
  if (isDiskGone) ports.logger.info("volume forgotten: its disk is gone", { volumeName: name, diskUri });
  if (diskUri === undefined || isDiskGone) return ok({});
  const spec: AzVolume["spec"] = {
    ...last.spec,
    requiredBytes: sizeToKeep(last),
    diskUri,
    deleteRequested: false,
  };
  const created = await ports.store.create(
    "AzVolume",
    { metadata: { name, finalizers: [VOLUME_FINALIZER] }, spec },
    signal,
  );
  return created.ok || created.failure.kind === "ObjectAlreadyExists" ? ok({}) : created;
}

function diskUriOf({ spec, status }: AzVolume): string | undefined {
  return status?.detail?.diskUri ?? spec.diskUri;
}

/**
 * The size that the disk is known to have, in bytes, where more was asked for: what became of that stands
 * in the status, which is lost with the object. A growth that was refused would be made up for when nobody
 * waits for it, and the file system would never follow; one that is under way is asked for again by whoever
 * wants it.
 */
function sizeToKeep({ spec, status }: AzVolume): number {
  const sizeGiB = status?.detail?.sizeGiB;
  return sizeGiB === undefined
    ? spec.requiredBytes
    : Math.min(spec.requiredBytes, Number(gibToBytes(sizeGiB)));
}
