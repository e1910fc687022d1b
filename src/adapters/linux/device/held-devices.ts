import { spawn } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { deviceReplaced, hostNotReady } from "../../../core/failure/frequent-failures.ts";
import type { Result } from "../../../core/failure/result.ts";
import { majorMinorOf } from "../../../core/node/device/device-number.ts";
import { errorCode } from "../../../core/primitives/error-code.ts";
import type { Clock } from "../../../ports/clock.ts";
import type { Device } from "../../../ports/host/host-provisioner.ts";
import { CALL_MAX_MS } from "../call-lane.ts";
import { waitWithin } from "../command/wait-within.ts";
import { openDevice, type OpeningHost } from "./open-device.ts";

/**
 * The devices that this process keeps open to reserve their numbers. The kernel gives the name and
 * number of a disk to another one only when its last descriptor is closed; until then an open by that
 * name finds the dead disk, or nothing (docs/adr/0021).
 */
export interface HeldDevices {
  /**
   * Runs `act` with the device open; fails with `WrongDevice`, without running it, if its name no longer
   * leads to its number. `signal` ends the wait for the open only.
   */
  readonly whileHolding: <T>(
    host: OpeningHost,
    device: Device,
    act: () => Promise<Result<T>>,
    signal: AbortSignal,
  ) => Promise<Result<T>>;
  /** One descriptor of each of these devices that is held, for a command to inherit. */
  readonly descriptorsOf: (touches: readonly string[]) => readonly number[];
}

const never = new AbortController().signal;

/** Holds nothing yet. */
export function createHeldDevices(clock: Clock): HeldDevices {
  const holds = new Set<{ readonly majorMinor: string; readonly fd: number }>();
  return {
    descriptorsOf: (touches) =>
      touches.flatMap((touched) => {
        const hold = [...holds].find(({ majorMinor }) => majorMinor === touched);
        return hold === undefined ? [] : [hold.fd];
      }),
    whileHolding: async (host, device, act, signal) => {
      const opened = await openToHold(host, device, signal);
      if (!opened.ok) return opened;
      const hold = { majorMinor: device.majorMinor, fd: opened.value.fd };
      try {
        if (!(await isOpen(opened.value, device))) return deviceReplaced(device);
        holds.add(hold);
        return await act();
      } finally {
        holds.delete(hold);
        await waitWithin(closeByChild(opened.value), CALL_MAX_MS, clock, never);
      }
    },
  };
}

/**
 * Not exclusively, which would block mount and mkfs, and for reading only, which udev does not take for
 * a change.
 */
async function openToHold(
  host: OpeningHost,
  device: Device,
  signal: AbortSignal,
): Promise<Result<FileHandle>> {
  try {
    const flags = constants.O_RDONLY | constants.O_NONBLOCK;
    return await openDevice(host, { path: device.path, flags, iflag: "nonblock" }, signal);
  } catch (error) {
    const code = errorCode(error);
    if (code === undefined) throw error;
    return code === "ENOENT" || code === "ENXIO" || code === "ENODEV"
      ? deviceReplaced(device)
      : hostNotReady(`${device.path} can't be opened (${code})`);
  }
}

/**
 * The last close of a device waits for a disk that does not answer: it writes what is cached, and waits for
 * each other open and close of the disk. It would keep a thread, as an open would, and the descriptors of all
 * that wait for that thread. So a child gets the descriptor as well, and closes it as it ends, once this
 * process has closed its own. Where none can be started the close is this process's.
 */
async function closeByChild(file: FileHandle): Promise<void> {
  const child = await startChildWith(file).catch(() => undefined);
  const ended = child === undefined ? undefined : once(child, "exit");
  await file.close();
  child?.stdin?.end();
  await ended;
}

/** Ends with its input. */
async function startChildWith({ fd }: FileHandle) {
  const child = spawn("cat", { stdio: ["pipe", "ignore", "ignore", fd] });
  child.stdin?.on("error", () => undefined);
  // One that hangs in the kernel keeps this process from ending no longer.
  child.unref();
  await once(child, "spawn");
  return child;
}

async function isOpen(file: FileHandle, { majorMinor }: Device): Promise<boolean> {
  const found = await file.stat({ bigint: true });
  return found.isBlockDevice() && majorMinorOf(found.rdev) === majorMinor;
}
