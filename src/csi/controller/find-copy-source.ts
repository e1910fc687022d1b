import { isSameResourceUri, parseDiskUri, resourceUriKey } from "../../core/azure/ids/disk-uri.ts";
import { parseSnapshotUri } from "../../core/azure/ids/snapshot-uri.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { refuseArgument, stillWaiting } from "../../core/failure/frequent-failures.ts";
import { fail, ok, type Result } from "../../core/failure/result.ts";
import { bytesToGibRoundedUp } from "../../core/primitives/units.ts";
import { unfinishedSource } from "../../core/volume/copies/copy-progress.ts";
import type { CopySource } from "../../core/volume/copies/copy-source.ts";
import { hasFailed, whyUnfinished } from "../../core/volume/copies/unfinished-copy.ts";
import { defaultSectorSizeBytes } from "../../core/volume/disk-sku.ts";
import { otherDiskThan } from "../../core/volume/replaced-disk.ts";
import { readVolume } from "../../objects/read-volume.ts";
import type { CreateVolumeRequest } from "../gen/csi/v1/csi.ts";
import { missingField } from "../messages/required.ts";
import type { ControllerContext } from "./controller-context.ts";

type Request = Pick<CreateVolumeRequest, "name" | "volumeContentSource" | "capacityRange">;

/**
 * What the disk of a CreateVolume is to be a copy of, as Azure reports it; undefined: nothing. The source of
 * a volume that exists may be gone: that volume's spec names it, or the disk itself. Fails with
 * `SnapshotNotFound`, `VolumeNotFound`, with `StillWaiting` while nothing can be copied from it, or with
 * `CopySourceFailed` where nothing ever can.
 */
export async function findCopySource(
  context: ControllerContext,
  own: { readonly objectName: string; readonly diskUri: string },
  request: Request,
  signal: AbortSignal,
): Promise<Result<CopySource | undefined>> {
  const { volumeContentSource: stated, name } = request;
  if (stated === undefined) return ok(undefined);
  const { type } = stated;
  if (type === undefined)
    return refuseArgument("volume_content_source", "", "must name a snapshot or a volume");
  const sourceUri = type.$case === "snapshot" ? type.value.snapshotId : type.value.volumeId;
  const field = type.$case === "snapshot" ? "snapshot.snapshot_id" : "volume.volume_id";
  const missing = missingField({ [`volume_content_source.${field}`]: sourceUri });
  if (missing !== undefined) return fail(missing);
  const existing = await context.store.get("AzVolume", own.objectName, signal);
  if (!existing.ok && existing.failure.kind !== "ObjectNotFound") return existing;
  if (existing.ok && isSameResourceUri(existing.value.spec.disk.sourceUri ?? "", sourceUri)) {
    const { location = "", sizeGiB, skuName, logicalSectorSize } = existing.value.spec.disk;
    // They are stated where the source's are not the SKU's default.
    const sectorSizeBytes = logicalSectorSize ?? defaultSectorSizeBytes(skuName);
    return ok(sourceOfCopy({ sourceUri, location, zones: [], sizeGiB, sectorSizeBytes }, request));
  }
  const found =
    type.$case === "snapshot"
      ? await findSnapshot(context, name, sourceUri, signal)
      : await findDisk(context, name, sourceUri, signal);
  if (found.ok || !finalKinds.includes(found.failure.kind)) return found;
  const begun = await context.cloud.getDisk({ diskUri: own.diskUri }, signal);
  if (!begun.ok) return begun.failure.kind === "DiskNotFound" ? found : begun;
  if (!isSameResourceUri(begun.value.sourceUri ?? "", sourceUri)) return found;
  const unfinished = whyUnfinished(begun.value);
  return unfinished?.kind === "DiskCopyFailed"
    ? fail(unfinished)
    : ok(sourceOfCopy({ ...begun.value, sourceUri }, request));
}

/**
 * Final answers, after which a CO calls no DeleteVolume. Azure may complete a disk that an earlier call
 * began and whose AzVolume is lost: without a volume it would stay for ever.
 */
const finalKinds: readonly Failure["kind"][] = ["SnapshotNotFound", "VolumeNotFound", "CopySourceFailed"];

async function findSnapshot(
  { snapshots }: ControllerContext,
  volumeId: string,
  snapshotUri: string,
  signal: AbortSignal,
): Promise<Result<CopySource>> {
  if (parseSnapshotUri(snapshotUri) === undefined) return fail({ kind: "SnapshotNotFound", snapshotUri });
  const read = await snapshots.getSnapshot({ snapshotUri }, signal);
  if (!read.ok) return read;
  const { location, sectorSizeBytes, isRestorable, state, copyError, isBeingCopied } = read.value;
  if (copyError !== undefined || hasFailed({ state }))
    return fail({
      kind: "CopySourceFailed",
      sourceUri: snapshotUri,
      detail: copyError ?? `provisioningState ${state}`,
    });
  if (!isRestorable)
    return stillWaiting(volumeId, `its source ${snapshotUri} to be complete (provisioningState ${state})`);
  const { sizeGiB, shownGiB } = read.value;
  const content = { sizeGiB, shownGiB, sectorSizeBytes, isBeingCopied };
  return ok({ sourceUri: snapshotUri, kind: "snapshot", location, zones: [], ...content });
}

async function findDisk(
  context: ControllerContext,
  volumeId: string,
  diskUri: string,
  signal: AbortSignal,
): Promise<Result<CopySource>> {
  if (parseDiskUri(diskUri) === undefined) return fail({ kind: "VolumeNotFound", volumeId: diskUri });
  const read = await context.cloud.getDisk({ diskUri }, signal);
  if (!read.ok)
    return read.failure.kind === "DiskNotFound" ? fail({ kind: "VolumeNotFound", volumeId: diskUri }) : read;
  const [volume] = context.cache.byIndex("AzVolume", "diskUri", resourceUriKey(diskUri));
  const replaced = otherDiskThan(volume, read.value);
  // A clone of another disk would pass for one of the volume.
  if (replaced !== undefined) return fail(replaced);
  const { location, zones, sizeGiB: shownGiB, copyGiB: sizeGiB = shownGiB, sectorSizeBytes } = read.value;
  // What its own loop has seen of a disk that is a copy itself, Azure may not show any more.
  const known = read.value.sourceUri === undefined ? undefined : await readVolume(context, diskUri, signal);
  if (known?.ok === false && known.failure.kind !== "VolumeNotFound") return known;
  const unfinished = unfinishedSource(known?.ok === true ? known.value : undefined, read.value);
  if (unfinished?.kind === "DiskCopyFailed")
    return fail({
      kind: "CopySourceFailed",
      sourceUri: diskUri,
      detail: `provisioningState ${unfinished.state}`,
    });
  if (unfinished !== undefined)
    return stillWaiting(
      volumeId,
      `its source ${diskUri}, whose data Azure still copies (${unfinished.percent} %)`,
    );
  return ok({ sourceUri: diskUri, kind: "disk", location, zones, sizeGiB, shownGiB, sectorSizeBytes });
}

/** The source as a volume's own disk shows it, to compare a repeated call or to make the AzVolume again. */
function sourceOfCopy(
  { sourceUri, location, zones, sizeGiB, sectorSizeBytes }: Omit<CopySource, "kind">,
  { capacityRange }: Request,
): CopySource {
  const requiredGiB = bytesToGibRoundedUp(capacityRange?.requiredBytes ?? 0n);
  return {
    sourceUri,
    kind: parseDiskUri(sourceUri) === undefined ? "snapshot" : "disk",
    location,
    zones,
    // The volume may have grown since; its size is compared with the requested range.
    sizeGiB: requiredGiB === 0 ? sizeGiB : Math.min(requiredGiB, sizeGiB),
    sectorSizeBytes,
  };
}
