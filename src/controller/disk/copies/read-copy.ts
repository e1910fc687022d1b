import type { AzVolume, VolumeStatus } from "../../../core/api/az-volume.ts";
import type { Lane } from "../../../core/azure/lane.ts";
import {
  copyNews,
  isBegunLongAgo,
  withCopy,
  withoutCopy,
  withPastBeginning,
} from "../../../core/volume/copies/copy-progress.ts";
import { otherDiskThan } from "../../../core/volume/replaced-disk.ts";
import { ignoreNotFound } from "../../../objects/ignore-not-found.ts";
import { changeVolumeStatus } from "../../../objects/update-object.ts";
import type { Reconciled } from "../../../runtime/queue/control-loop.ts";
import type { DiskPorts } from "../../controller-ports.ts";

/** No pod waits for the progress of a copy, and no other call does. */
const COPY_LANE: Lane = "tag";

/**
 * Reads how far Azure has filled a disk, and reports steps of it, its end and its failure. A disk that is
 * gone is filled from nothing: its source may be deleted. So is one that another disk has the name of.
 */
export async function readCopy(
  ports: DiskPorts,
  volume: AzVolume,
  diskUri: string,
  signal: AbortSignal,
): Promise<Reconciled> {
  const disk = await ports.cloud.getDisk({ diskUri, lane: COPY_LANE }, signal);
  const nowMs = ports.clock.nowMs();
  if (!disk.ok && disk.failure.kind !== "DiskNotFound") return disk;
  if (!disk.ok && !isBegunLongAgo(volume, nowMs)) {
    const begun = await changeVolumeStatus(
      ports.store,
      volume,
      (status) => withPastBeginning(status, nowMs),
      signal,
    );
    return begun.ok ? disk : ignoreNotFound(begun);
  }
  const isOwn = disk.ok && otherDiskThan(volume, disk.value) === undefined;
  const recorded = await changeVolumeStatus(
    ports.store,
    volume,
    // What has ended since is not begun again by a read that came before.
    (status) => {
      if (status.copy === undefined) return undefined;
      return isOwn ? withCopy(status, disk.value, nowMs) : withoutCopy(status);
    },
    signal,
  );
  if (isOwn && recorded.ok) emitCopy(ports, volume, recorded.value.status?.copy);
  return ignoreNotFound(recorded);
}

/** Reports what is new of a copy since `volume` was read. */
export function emitCopy(
  { events }: Pick<DiskPorts, "events">,
  { metadata: { name }, status }: AzVolume,
  after: VolumeStatus["copy"],
): void {
  const news = copyNews(status?.copy, after);
  if (news !== undefined) events.emit({ about: { kind: "AzVolume", name }, ...news });
}
