import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { errorCode } from "./error-code.ts";

/**
 * Whether a block device is held exclusively by anyone: mounted in any mount namespace, formatted or checked right now, or part of a device-mapper or RAID device.
 * `O_EXCL` without `O_CREAT` asks the kernel just that. Plain descriptors and loop devices on top don't show.
 */
export async function isHeldExclusively(path: string): Promise<boolean> {
  try {
    const device = await open(path, constants.O_RDONLY | constants.O_EXCL | constants.O_NONBLOCK);
    await device.close();
    return false;
  } catch (error) {
    if (errorCode(error) === "EBUSY") return true;
    throw error;
  }
}
