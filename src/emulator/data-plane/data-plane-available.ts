import { accessSync, closeSync, constants, openSync } from "node:fs";
import { release } from "node:os";

/** Whether this process may make block devices, and if not, why. */
export type DataPlaneAvailability =
  | { readonly available: true }
  | { readonly available: false; readonly reason: string };

/**
 * Earlier kernels answer EAGAIN when the offset of a mounted loop device is to change, so its VM could not
 * be fenced.
 */
const OLDEST_KERNEL = { major: 5, minor: 18 } as const;

/** Checks for what `createLinuxDataPlane` needs: Linux 5.18 or newer, root, and loop devices. */
export function dataPlaneAvailable(): DataPlaneAvailability {
  if (process.platform !== "linux")
    return unavailable(`needs Linux for block devices, this is ${process.platform}`);
  if (!canCutMountedDevices(release()))
    return unavailable(
      `needs Linux ${OLDEST_KERNEL.major}.${OLDEST_KERNEL.minor}, this is ${release()}: ` +
        "it can't cut a mounted loop device",
    );
  if (process.getuid?.() !== 0)
    return unavailable("needs root: loop devices are made with /dev/loop-control");
  try {
    closeSync(openSync("/dev/loop-control", "r+"));
    accessSync("/sys/block", constants.R_OK);
  } catch (error) {
    const cause = error instanceof Error ? error.message : String(error);
    return unavailable(
      `needs loop devices: ${cause}; ` +
        "load the module (modprobe loop), or give the container /dev, /sys and CAP_SYS_ADMIN",
    );
  }
  return { available: true };
}

/** Whether a kernel of this release (`6.1.0-37-amd64`) can cut a mounted loop device. */
export function canCutMountedDevices(kernelRelease: string): boolean {
  const [major = 0, minor = 0] = kernelRelease.split(".").map((part) => Number.parseInt(part, 10));
  return major > OLDEST_KERNEL.major || (major === OLDEST_KERNEL.major && minor >= OLDEST_KERNEL.minor);
}

function unavailable(reason: string): DataPlaneAvailability {
  return { available: false, reason };
}
