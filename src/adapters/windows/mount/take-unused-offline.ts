import type { Result } from "../../../core/failure/result.ts";
import { ok } from "../../../core/failure/result.ts";
import { defaultCommandTimeLimits } from "../../linux/command/command-time-limits.ts";
import { type Disk, isSameDisk, oddDiskThatMayBe } from "../disk/disk-rows.ts";
import { oddPartitionOn } from "../disk/partition-rows.ts";
import { incomplete, isDataDisk, listDisks, takeOffline, toDevice } from "../disks.ts";
import {
  foldersOf,
  hasDriveLetter,
  incompletePartition,
  isDriversOwn,
  listPartitions,
} from "../partitions.ts";
import type { WindowsHostContext } from "../windows-host-context.ts";

/**
 * Takes the disks offline that an unmount has left online: it failed in between, or its instance ended. Which
 * disk was mounted at a path is not known then, so every disk goes that the driver has formatted and that has
 * no folder, no drive letter and no operation. The disk that `lastMajorMinor` names goes with a drive letter,
 * too, as after each unmount: Windows gives one to a disk that V1 has formatted. One that is to be staged
 * loses nothing: each operation brings its disk online itself.
 */
export async function takeUnusedOffline(
  host: WindowsHostContext,
  lastMajorMinor: string | undefined,
): Promise<Result<void>> {
  const unused = await unusedDisks(host, lastMajorMinor);
  if (!unused.ok) return unused;
  for (const { majorMinor } of unused.value.map((disk) => toDevice(host, disk))) {
    const keys = [majorMinor];
    // Not after an operation on the disk: that may wait for this one.
    if (host.operations.inFlightOn(keys).length > 0) continue;
    const taken = await host.operations.run(
      { line: `take offline ${majorMinor}`, keys, limitMs: defaultCommandTimeLimits.unmountMs },
      async () => {
        const still = await unusedDisks(host, lastMajorMinor);
        if (!still.ok) return still;
        const disk = still.value.find((each) => toDevice(host, each).majorMinor === majorMinor);
        return disk === undefined ? ok(undefined) : takeOffline(host, disk);
      },
      new AbortController().signal,
    );
    if (!taken.ok) return taken;
  }
  return ok(undefined);
}

async function unusedDisks(
  host: WindowsHostContext,
  lastMajorMinor: string | undefined,
): Promise<Result<readonly Disk[]>> {
  const list = await listPartitions(host);
  if (!list.ok) return list;
  const { partitions, odd } = list.value;
  // By its unique id: a disk that has come back since has another number.
  const isLast = (disk: Disk): boolean =>
    lastMajorMinor !== undefined && isSameDisk(toDevice(host, disk).majorMinor, lastMajorMinor);
  // After them: they name their disks by number, and Windows gives that to another disk.
  const disks = await listDisks(host);
  if (!disks.ok) return disks;
  // It may be the one that was mounted: it would stay online.
  const unread = oddDiskThatMayBe(disks.value.odd, { lun: undefined, majorMinor: lastMajorMinor });
  if (unread !== undefined) return incomplete(unread);
  const hidden = disks.value.disks
    .filter((disk) => isDataDisk(disk) && !disk.IsOffline && (lastMajorMinor === undefined || isLast(disk)))
    .map((disk) => oddPartitionOn(odd, disk))
    .find((partition) => partition !== undefined);
  if (hidden !== undefined) return incompletePartition(hidden);
  return ok(
    disks.value.disks.filter((disk) => {
      const own = partitions.filter(({ DiskNumber }) => DiskNumber === disk.Number);
      return (
        isDataDisk(disk) &&
        // None that the driver has used is without one.
        disk.UniqueId !== "" &&
        !disk.IsOffline &&
        oddPartitionOn(odd, disk) === undefined &&
        own.every((partition) => foldersOf(partition).length === 0) &&
        (isLast(disk) || (isDriversOwn(own) && !own.some(hasDriveLetter)))
      );
    }),
  );
}
