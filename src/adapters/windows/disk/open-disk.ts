import { type FileHandle, open } from "node:fs/promises";
import type { Failure } from "../../../core/failure/failure.ts";
import { deviceReplaced } from "../../../core/failure/frequent-failures.ts";
import type { Result } from "../../../core/failure/result.ts";
import type { Device } from "../../../ports/host/host-provisioner.ts";
import { undefinedIfMissing } from "../../linux/error-code.ts";
import { devicePathOf, diskOf } from "../disks.ts";
import type { WindowsHostContext } from "../windows-host-context.ts";

/**
 * Runs `act` with the device of a disk open. Its path is a number, and Windows gives that to another disk as
 * soon as the disk is gone, also while it is still open (`DiskRemoveDevice`). What was opened stays the disk
 * that it was. So the path is opened first, and then Windows is asked whose number it is. Fails with
 * `WrongDevice`, without running `act`, where that is another disk or none.
 * https://github.com/microsoft/Windows-driver-samples/blob/main/storage/class/disk/src/pnp.c
 */
export async function withOpenDisk<T>(
  host: WindowsHostContext,
  device: Device,
  flags: "r" | "r+",
  act: (file: FileHandle) => Promise<Result<T, Failure>>,
): Promise<Result<T, Failure>> {
  const file = await open(device.path, flags).catch(undefinedIfMissing);
  if (file === undefined) return deviceReplaced(device, "disk");
  try {
    const disk = await diskOf(host, device);
    if (!disk.ok) return disk;
    return devicePathOf(host, disk.value) === device.path ? await act(file) : deviceReplaced(device, "disk");
  } finally {
    await file.close();
  }
}
