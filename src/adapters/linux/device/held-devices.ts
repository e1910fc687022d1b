import { constants } from "node:fs";
import { open } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import type { Failure } from "../../../core/failure/failure.ts";
import type { Result } from "../../../core/failure/result.ts";
import { fail, ok } from "../../../core/failure/result.ts";
import { majorMinorOf } from "../../../core/node/device/device-number.ts";
import type { Device } from "../../../ports/host/host-provisioner.ts";
import { errorCode } from "../error-code.ts";

/**
 * The devices that this process keeps open to reserve their numbers. The kernel gives the name and
 * number of a disk to another one only when its last descriptor is closed; until then an open by that
 * name finds the dead disk, or nothing (docs/adr/0021).
 */
export interface HeldDevices {
  /**
   * Runs `act` with the device open; fails with `WrongDevice`, without running it, if its name no longer
   * leads to its number.
   */
  readonly whileHolding: <T>(
    device: Device,
    act: () => Promise<Result<T, Failure>>,
  ) => Promise<Result<T, Failure>>;
  /** One descriptor of each of these devices that is held, for a command to inherit. */
  readonly descriptorsOf: (touches: readonly string[]) => readonly number[];
}

/** Holds nothing yet. */
export function createHeldDevices(): HeldDevices {
  const holds = new Set<{ readonly majorMinor: string; readonly fd: number }>();
  return {
    descriptorsOf: (touches) =>
      touches.flatMap((touched) => {
        const hold = [...holds].find(({ majorMinor }) => majorMinor === touched);
        return hold === undefined ? [] : [hold.fd];
      }),
    whileHolding: async (device, act) => {
      const opened = await openDevice(device);
      if (!opened.ok) return opened;
      const hold = { majorMinor: device.majorMinor, fd: opened.value.fd };
      holds.add(hold);
      try {
        return await act();
      } finally {
        holds.delete(hold);
        await opened.value.close();
      }
    },
  };
}

/**
 * Not exclusively, which would block mount and mkfs, and for reading only, which udev does not take for
 * a change.
 */
async function openDevice(device: Device): Promise<Result<FileHandle, Failure>> {
  let file: FileHandle;
  try {
    file = await open(device.path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    const code = errorCode(error);
    if (code === undefined) throw error;
    return code === "ENOENT" || code === "ENXIO" || code === "ENODEV"
      ? isAnother(device)
      : fail({ kind: "HostNotReady", detail: `${device.path} can't be opened (${code})` });
  }
  const found = await file.stat({ bigint: true });
  if (found.isBlockDevice() && majorMinorOf(found.rdev) === device.majorMinor) return ok(file);
  await file.close();
  return isAnother(device);
}

function isAnother(device: Device): Result<never, Failure> {
  return fail({
    kind: "WrongDevice",
    devicePath: device.path,
    problem: `it is no longer device ${device.majorMinor}: look for the LUN again`,
  });
}
