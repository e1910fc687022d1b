import type { AzVolume } from "../core/model/az-volume.ts";
import { VOLUME_FINALIZER } from "../core/model/finalizers.ts";
import { ok } from "../core/result.ts";
import { gibToBytes } from "../core/units.ts";
import type { Reconciled } from "./control-loop.ts";
import type { ControllerPorts } from "./controller-ports.ts";
import { keepStateOfDeleted } from "./keep-state.ts";
import { removeFinalizer } from "./remove-finalizer.ts";

/**
 * An AzVolume that was deleted by hand, by pruning or with its CRD: the disk stays, and the object is made anew, its record *unproven*. Only where Azure says that there
 * is no such disk is there nothing left to describe, and the object goes.
 * What the disk's tags do not keep yet is written there first.
 * A crash in between leaves the disk without an object; recovery finds it by its tags, and publishing it adopts it.
 */
export async function rebuildVolume(ports: ControllerPorts, volume: AzVolume, signal: AbortSignal): Promise<Reconciled> {
  const { name, uid } = volume.metadata;
  const diskUri = volume.status?.detail?.diskUri ?? volume.spec.diskUri;
  const isDiskGone = diskUri !== undefined && (await isGone(ports, diskUri, signal));
  if (!isDiskGone) {
    const about = { kind: "AzVolume", name } as const;
    ports.events.emit({ about, reason: "DeletedByHand", message: "the AzVolume was deleted without DeleteVolume" });
  }
  const kept = isDiskGone ? ok(undefined) : await keepStateOfDeleted(ports, volume, signal);
  if (!kept.ok) return kept;
  const removed = await removeFinalizer(ports.store, { kind: "AzVolume", name, uid }, VOLUME_FINALIZER, signal);
  if (!removed.ok && removed.failure.kind !== "ObjectNotFound") return removed;
  if (isDiskGone) ports.logger.info("volume forgotten: its disk is gone", { volumeName: name, diskUri });
  if (diskUri === undefined || isDiskGone) return ok({});
  const spec: AzVolume["spec"] = { ...volume.spec, requiredBytes: sizeToKeep(volume), diskUri, deleteRequested: false };
  const created = await ports.store.create("AzVolume", { metadata: { name, finalizers: [VOLUME_FINALIZER] }, spec }, signal);
  return created.ok || created.failure.kind === "ObjectAlreadyExists" ? ok({}) : created;
}

/**
 * The size that the disk is known to have, in bytes, where more was asked for: what became of that stands in the status, which is lost with the object. A growth that
 * was refused would be made up for when nobody waits for it, and the file system would never follow; one that is under way is asked for again by whoever wants it.
 */
function sizeToKeep({ spec, status }: AzVolume): number {
  const sizeGiB = status?.detail?.sizeGiB;
  return sizeGiB === undefined ? spec.requiredBytes : Math.min(spec.requiredBytes, Number(gibToBytes(sizeGiB)));
}

/** Whatever else Azure answers, or nothing, the disk may be there. */
async function isGone({ cloud }: ControllerPorts, diskUri: string, signal: AbortSignal): Promise<boolean> {
  const disk = await cloud.getDisk({ diskUri }, signal);
  return !disk.ok && disk.failure.kind === "DiskNotFound";
}
