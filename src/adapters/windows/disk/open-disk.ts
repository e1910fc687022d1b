import { type FileHandle, open } from "node:fs/promises";
import { deviceReplaced } from "../../../core/failure/frequent-failures.ts";
import type { Result } from "../../../core/failure/result.ts";
import { undefinedIfMissing } from "../../../core/primitives/error-code.ts";
import type { Device } from "../../../ports/host/host-provisioner.ts";
import { devicePathOf, diskOf, presentDiskOf } from "../disks.ts";
import type { WindowsHostContext } from "../windows-host-context.ts";
import type { Disk } from "./disk-rows.ts";

/**
 * Runs `act` with the device of a disk open. Its path is a number, and Windows gives that to another disk as
 * soon as the disk is gone, also while it is still open (`DiskRemoveDevice`). What was opened stays the disk
 * that it was. So the path is opened first, then Windows looks at its disks, and is asked whose number it is:
 * before the look it may still show the disk that had the number last. Fails with `WrongDevice`, without
 * running `act`, where that is another disk or none.
 * https://github.com/microsoft/Windows-driver-samples/blob/main/storage/class/disk/src/pnp.c
 */
export function withOpenDisk<T>(
  host: WindowsHostContext,
  device: Device,
  flags: "r" | "r+",
  act: (file: FileHandle, disk: Disk) => Promise<Result<T>>,
): Promise<Result<T>> {
  return withFile(host, { device, flags, lookUp: presentDiskOf }, act);
}

/**
 * Runs `act` with the device of a disk open. Windows is asked whose number it is without looking at its disks
 * first: what `act` changes has to check that itself. Fails as `withOpenDisk` does.
 */
export function holdDisk<T>(
  host: WindowsHostContext,
  device: Device,
  act: () => Promise<Result<T>>,
): Promise<Result<T>> {
  return withFile(host, { device, flags: "r", lookUp: diskOf }, act);
}

async function withFile<T>(
  host: WindowsHostContext,
  request: { readonly device: Device; readonly flags: "r" | "r+"; readonly lookUp: typeof diskOf },
  act: (file: FileHandle, disk: Disk) => Promise<Result<T>>,
): Promise<Result<T>> {
  const { device, flags, lookUp } = request;
  const file = await open(device.path, flags).catch(undefinedIfMissing);
  if (file === undefined) return deviceReplaced(device, "disk");
  try {
    const disk = await lookUp(host, device);
    if (!disk.ok) return disk;
    return devicePathOf(host, disk.value) === device.path
      ? await act(file, disk.value)
      : deviceReplaced(device, "disk");
  } finally {
    await file.close();
  }
}
