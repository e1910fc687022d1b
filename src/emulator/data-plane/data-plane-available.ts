import { accessSync, closeSync, constants, openSync } from "node:fs";

/** Whether this process may make block devices, and if not why. */
export type DataPlaneAvailability = { readonly available: true } | { readonly available: false; readonly reason: string };

/** Looks for what `createLinuxDataPlane` needs: Linux, root, and a kernel with loop devices. */
export function dataPlaneAvailable(): DataPlaneAvailability {
  if (process.platform !== "linux") return unavailable(`block devices need Linux, this is ${process.platform}`);
  if (process.getuid?.() !== 0) return unavailable("needs root: loop devices are made with /dev/loop-control");
  try {
    closeSync(openSync("/dev/loop-control", "r+"));
    accessSync("/sys/block", constants.R_OK);
  } catch (error) {
    return unavailable(`needs loop devices: ${error instanceof Error ? error.message : String(error)}; load the module (modprobe loop) or give the container /dev and CAP_SYS_ADMIN`);
  }
  return { available: true };
}

function unavailable(reason: string): DataPlaneAvailability {
  return { available: false, reason };
}
