import type { AzVolume, VolumeDetail, VolumeStatus } from "../../core/api/az-volume.ts";
import { ok, type Result } from "../../core/failure/result.ts";
import { sameJson } from "../../core/primitives/same-json.ts";
import { type ShownSize, withShownSize } from "../../core/volume/device/shown-size.ts";
import { changeVolumeStatus } from "../../objects/update-object.ts";
import type { ControllerPorts } from "../controller-ports.ts";

/**
 * Records a disk's growth of which no size is recorded, such as another client's: with the recorded size, its
 * device would be rejected as another volume's and never staged again. Whether the disk has a size that Azure
 * has not confirmed shows its device, which has either.
 */
export async function recordGrowth(
  ports: Pick<ControllerPorts, "store" | "logger">,
  volume: AzVolume,
  disk: ShownSize,
  signal: AbortSignal,
): Promise<Result<void>> {
  if (changedDetail(volume.status, disk) === undefined) return ok(undefined);
  const { name } = volume.metadata;
  let detail: VolumeDetail | undefined;
  const recorded = await changeVolumeStatus(
    ports.store,
    volume,
    (status) => {
      detail = changedDetail(status, disk);
      return detail && { ...status, detail };
    },
    signal,
  );
  if (!recorded.ok) return recorded.failure.kind === "ObjectNotFound" ? ok(undefined) : recorded;
  if (detail === undefined) return ok(undefined);
  const { sizeGiB, unconfirmedGiB } = detail;
  if (unconfirmedGiB !== undefined)
    ports.logger.warn("the disk shows a size that Azure has not confirmed", {
      volumeName: name,
      sizeGiB,
      unconfirmedGiB,
      state: disk.state,
    });
  else if (sizeGiB === disk.sizeGiB)
    ports.logger.info("the disk's size is recorded", { volumeName: name, sizeGiB });
  return ok(undefined);
}

/** What to record of a volume's disk; undefined: it is recorded, or no disk is. */
function changedDetail(status: VolumeStatus | undefined, disk: ShownSize): VolumeDetail | undefined {
  const known = status?.detail;
  if (known === undefined) return undefined;
  const next = withShownSize(known, disk);
  return sameJson(next, known) ? undefined : next;
}
