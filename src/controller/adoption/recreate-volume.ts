import type { AzVolume } from "../../core/api/az-volume.ts";
import { VOLUME_FINALIZER } from "../../core/api/finalizers.ts";
import { diskUriOf } from "../../core/api/identity/disk-uri-of.ts";
import { withoutNodeLabels } from "../../core/api/node-labels.ts";
import { isDeletedByHand } from "../../core/attachment/observed-volume.ts";
import { ok } from "../../core/failure/result.ts";
import { isUnmarked } from "../../core/rollback/attachments-unmarked.ts";
import { otherDiskThan } from "../../core/volume/replaced-disk.ts";
import { areStateTagsDue } from "../../core/volume/tags/state-tags.ts";
import { withoutFinalizer } from "../../objects/remove-finalizer.ts";
import { changeSpec, targetOf } from "../../objects/update-object.ts";
import type { DiskFacts } from "../../ports/cloud/cloud-provisioner.ts";
import type { Reconciled } from "../../runtime/queue/control-loop.ts";
import type { AdoptionPorts } from "../controller-ports.ts";
import { confirmDiskGone } from "./confirm-disk-gone.ts";

/**
 * Handles an AzVolume deleted by hand, by pruning or with its CRD: the disk stays. The object is recreated:
 * its record starts unverified, and `spec.earlierRecord` carries the one it had, since Azure may still show
 * the disk as it was before its last attach. Only where Azure reports that the disk does not exist, the
 * object is released for good. It is released only once Azure can read the disk, without which nothing is
 * adopted, the disk's tags keep its state, which the `tags` loop writes, and it is not kept from its nodes:
 * the next object would not say that. Until then it serves as before. A disk that another client has made
 * under the name of the volume's gets none of these tags, and is the next object's, as large as it is: a
 * person says so by the deletion.
 * A crash in between leaves the disk without an object; recovery finds it by its tags, and publishing adopts
 * it.
 */
export async function recreateVolume(
  ports: AdoptionPorts,
  volume: AzVolume,
  signal: AbortSignal,
): Promise<Reconciled> {
  const { name } = volume.metadata;
  const knownUri = diskUriOf(volume);
  const disk = knownUri === undefined ? undefined : await ports.cloud.getDisk({ diskUri: knownUri }, signal);
  const gone =
    knownUri === undefined || disk?.ok !== false
      ? undefined
      : await confirmDiskGone(ports.cloud, { diskUri: knownUri, failure: disk.failure }, signal);
  const isDiskGone = gone?.ok === true;
  const shown = disk?.ok === true ? disk.value : undefined;
  if (!isDiskGone) {
    const about = { kind: "AzVolume", name } as const;
    ports.events.emit({ about, reason: "DeletedByHand", message: deletedByHand(volume, shown) });
  }
  if (gone?.ok === false) return gone;
  // Checked on the very version that is released: its state may change at any time.
  const isReplaced = (present: AzVolume): boolean =>
    shown !== undefined && otherDiskThan(present, shown) !== undefined;
  const mayGo = (present: AzVolume): boolean =>
    isDeletedByHand(present) &&
    (isDiskGone || isReplaced(present) || !(areStateTagsDue(present.status) || isUnmarked(present)));
  const removed = await changeSpec(
    ports.store,
    targetOf(volume),
    (present) => (mayGo(present) ? withoutFinalizer(present, VOLUME_FINALIZER) : undefined),
    signal,
  );
  if (!removed.ok && removed.failure.kind !== "ObjectNotFound") return removed;
  const last = removed.ok ? removed.value : volume;
  // The next write of its tags, of that condition, or of the mark of DeleteVolume, requeues the volume.
  if (removed.ok && last.metadata.finalizers?.includes(VOLUME_FINALIZER)) return ok({});
  const diskUri = diskUriOf(last);
  if (isDiskGone) ports.logger.info("volume pruned: its disk is gone", { volumeName: name, diskUri });
  if (diskUri === undefined || isDiskGone) return ok({});
  const earlierRecord = last.status?.record ?? last.spec.earlierRecord;
  const spec: AzVolume["spec"] = {
    ...last.spec,
    disk: { ...last.spec.disk, sizeGiB: sizeToKeep(last, shown) },
    diskUri,
    ...(earlierRecord === undefined ? {} : { earlierRecord }),
    deleteRequested: false,
  };
  // Those of its claim and of a person. A label of a node is written with the record that names the node.
  const labels = withoutNodeLabels(last.metadata.labels);
  const created = await ports.store.create(
    "AzVolume",
    { metadata: { name, finalizers: [VOLUME_FINALIZER], ...(labels && { labels }) }, spec },
    signal,
  );
  return created.ok || created.failure.kind === "ObjectAlreadyExists" ? ok({}) : created;
}

function deletedByHand(volume: AzVolume, shown: DiskFacts | undefined): string {
  const deleted = "the AzVolume was deleted without DeleteVolume";
  if (shown === undefined || otherDiskThan(volume, shown) === undefined) return deleted;
  return `${deleted}: the other disk with its disk's name, of ${shown.sizeGiB} GiB, is the volume's now`;
}

/**
 * The known size of the disk, in GiB, where a larger one was requested: the outcome of a growth is in
 * the status, which is lost with the object. A refused growth would be repeated without a waiting caller,
 * and the file system would never follow; one under way is requested again by its caller. Another disk that a
 * person takes for the volume's stays as it is: nothing has asked to grow it, and Azure charges for that.
 */
function sizeToKeep(volume: AzVolume, shown: DiskFacts | undefined): number {
  const { spec, status } = volume;
  if (shown !== undefined && otherDiskThan(volume, shown) !== undefined) return shown.sizeGiB;
  return Math.min(spec.disk.sizeGiB, status?.detail?.sizeGiB ?? spec.disk.sizeGiB);
}
