import { constants } from "node:fs";
import { open } from "node:fs/promises";
import type { Failure } from "../../../core/failure/failure.ts";
import { fail, ok, type Result } from "../../../core/failure/result.ts";
import type { Device } from "../../../ports/host/host-provisioner.ts";
import { errorCode } from "../error-code.ts";

/**
 * Fails with `DeviceBusy` while a block device is held exclusively: mounted in any mount namespace,
 * formatted or checked right now, or part of a device-mapper or RAID device. `O_EXCL` without `O_CREAT`
 * asks the kernel exactly that. Plain descriptors and loop devices on top don't show.
 */
export async function refuseHeld(device: Pick<Device, "path">): Promise<Result<void, Failure>> {
  if ((await askForExclusiveHolder(device.path)) === "none") return ok(undefined);
  return fail({
    kind: "DeviceBusy",
    devicePath: device.path,
    detail: "it is mounted somewhere, part of another device (LVM, RAID), or in use by another command",
  });
}

/** Whether a block device is held exclusively, as above; `gone` if the device does not exist any more. */
export async function exclusiveHolderOf(path: string): Promise<"none" | "held" | "gone"> {
  try {
    return await askForExclusiveHolder(path);
  } catch (error) {
    const code = errorCode(error);
    if (code === "ENOENT" || code === "ENXIO" || code === "ENODEV") return "gone";
    throw error;
  }
}

async function askForExclusiveHolder(path: string): Promise<"none" | "held"> {
  try {
    const device = await open(path, constants.O_RDONLY | constants.O_EXCL | constants.O_NONBLOCK);
    await device.close();
    return "none";
  } catch (error) {
    if (errorCode(error) === "EBUSY") return "held";
    throw error;
  }
}
