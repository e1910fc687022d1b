import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { deviceBusy } from "../../../core/failure/frequent-failures.ts";
import { ok, type Result } from "../../../core/failure/result.ts";
import { errorCode } from "../../../core/primitives/error-code.ts";
import type { Device } from "../../../ports/host/host-provisioner.ts";
import { openingDevice, type OpeningHost } from "./open-device.ts";

/**
 * Fails with `DeviceBusy` while a block device is held exclusively: mounted in any mount namespace,
 * formatted or checked right now, or part of a device-mapper or RAID device. `O_EXCL` without `O_CREAT`
 * asks the kernel exactly that. Plain descriptors and loop devices on top don't show.
 */
export async function refuseHeld(
  host: OpeningHost,
  device: Pick<Device, "path">,
  signal: AbortSignal,
): Promise<Result<void>> {
  const holder = await askForExclusiveHolder(host, device.path, signal);
  if (!holder.ok) return holder;
  if (holder.value === "none") return ok(undefined);
  return deviceBusy(
    device.path,
    "it is mounted somewhere, part of another device (LVM, RAID), or in use by another command",
  );
}

/**
 * Whether a block device is held exclusively, as above; `gone` if the device does not exist any more. Fails
 * where it does not open in time.
 */
export async function exclusiveHolderOf(
  host: OpeningHost,
  path: string,
  signal: AbortSignal,
): Promise<Result<"none" | "held" | "gone">> {
  try {
    return await askForExclusiveHolder(host, path, signal);
  } catch (error) {
    const code = errorCode(error);
    if (code === "ENOENT" || code === "ENXIO" || code === "ENODEV") return ok("gone");
    throw error;
  }
}

async function askForExclusiveHolder(
  host: OpeningHost,
  path: string,
  signal: AbortSignal,
): Promise<Result<"none" | "held">> {
  return await openingDevice(host, { path, iflag: "nonblock" }, () => openExclusively(path), signal);
}

/** Closed in the same call: left open it would be a holder itself. */
async function openExclusively(path: string): Promise<"none" | "held"> {
  try {
    const device = await open(path, constants.O_RDONLY | constants.O_EXCL | constants.O_NONBLOCK);
    await device.close();
    return "none";
  } catch (error) {
    if (errorCode(error) === "EBUSY") return "held";
    throw error;
  }
}
