import { constants } from "node:fs";
import { open, type FileHandle } from "node:fs/promises";
import { attempt, errorCode } from "./attempt.ts";
import { boundLoopDevice } from "./bound-loop-devices.ts";
import { resetQueue } from "./device-queue.ts";
import { hasDirectIo, LOOP_INFO_BYTES, loopConfig, withoutItsBytes } from "./loop-info.ts";
import type { SystemCalls } from "./system-calls.ts";

/** Requests of linux/loop.h. */
const LOOP_CLR_FD = 0x4c01;
const LOOP_SET_STATUS64 = 0x4c04;
const LOOP_GET_STATUS64 = 0x4c05;
const LOOP_SET_CAPACITY = 0x4c07;
const LOOP_CONFIGURE = 0x4c0a;
const LOOP_CTL_GET_FREE = 0x4c82;

/** Other programs (losetup, mount -o loop) also take free devices; each lost race is one attempt. */
const BIND_ATTEMPTS_MAX = 64;

/** The loop device operations of the data plane. Each rejects with an error that says what was tried. */
export interface LoopDevices {
  /** Binds a free loop device to a file, with direct I/O, and returns its path. */
  bind(filePath: string): Promise<string>;
  /** Makes the device notice that its file has grown. */
  rereadSize(devicePath: string): Promise<void>;
  /**
   * Afterwards no byte of the file changes through this device, and every write through it fails with EIO,
   * even where it is open or mounted. The device is free at once, or when its last holder closes it; until
   * then the kernel does not reuse its number. Data in the device's own buffers is written before the cut
   * (the kernel insists); data in the pages of a mounted file system is not. Does nothing if the device is
   * not bound to `filePath` (any more).
   */
  cut(device: { readonly path: string; readonly filePath: string }): Promise<void>;
}

/** Loop devices of the running kernel, controlled by ioctls alone. */
export function linuxLoopDevices(systemCalls: SystemCalls): LoopDevices {
  async function bind(filePath: string): Promise<string> {
    return attempt(`bind a loop device to ${filePath}`, () =>
      withOpen("/dev/loop-control", (control) => withOpen(filePath, (file) => bindFree(control.fd, file.fd))),
    );
  }

  async function bindFree(controlFd: number, fileFd: number): Promise<string> {
    for (let attempts = 0; attempts < BIND_ATTEMPTS_MAX; attempts += 1) {
      const path = `/dev/loop${await systemCalls.ioctl(controlFd, LOOP_CTL_GET_FREE, null)}`;
      try {
        await withOpen(path, (device) => configure(device.fd, fileFd));
        await resetQueue(path);
        return path;
      } catch (error) {
        // Another process has bound the device (EBUSY), or is releasing it (ENXIO).
        if (!["EBUSY", "ENXIO"].includes(errorCode(error) ?? ""))
          throw new Error(`${path}: ${error instanceof Error ? error.message : String(error)}`, {
            cause: error,
          });
      }
    }
    throw new Error(`others were quicker ${BIND_ATTEMPTS_MAX} times to take the free device`);
  }

  async function configure(deviceFd: number, fileFd: number): Promise<void> {
    await systemCalls.ioctl(deviceFd, LOOP_CONFIGURE, loopConfig(fileFd));
    if (hasDirectIo(await status(deviceFd))) return;
    await systemCalls.ioctl(deviceFd, LOOP_CLR_FD, null);
    throw new Error(
      "its file system has no direct I/O, which cutting a detached disk needs; " +
        "choose a directory on ext4 or XFS",
    );
  }

  async function status(deviceFd: number): Promise<Buffer> {
    const info = Buffer.alloc(LOOP_INFO_BYTES);
    await systemCalls.ioctl(deviceFd, LOOP_GET_STATUS64, info);
    return info;
  }

  async function rereadSize(devicePath: string): Promise<void> {
    await attempt(`read the new size of ${devicePath}`, () =>
      withOpen(devicePath, (device) => systemCalls.ioctl(device.fd, LOOP_SET_CAPACITY, null)),
    );
  }

  async function cut(device: { readonly path: string; readonly filePath: string }): Promise<void> {
    await attempt(`cut ${device.path} off from ${device.filePath}`, async () => {
      try {
        await withOpen(device.path, (open) => cutOpen(open, device));
      } catch (error) {
        // The device has no file any more, so there is nothing to cut.
        if (!["ENXIO", "ENOENT"].includes(errorCode(error) ?? "")) throw error;
      }
    });
  }

  async function cutOpen(
    open: FileHandle,
    device: { readonly path: string; readonly filePath: string },
  ): Promise<void> {
    // While it is open here, the device can't be bound to another file; before that, another process may
    // have freed and bound it.
    if ((await boundLoopDevice(device.path))?.filePath !== device.filePath) return;
    await systemCalls.ioctl(open.fd, LOOP_SET_STATUS64, withoutItsBytes(await status(open.fd)));
    await systemCalls.ioctl(open.fd, LOOP_CLR_FD, null);
  }

  return { bind, rereadSize, cut };
}

/**
 * Closes the descriptor after each step: the kernel drops a device's buffers only when no process has it
 * open.
 */
async function withOpen<Value>(path: string, use: (file: FileHandle) => Promise<Value>): Promise<Value> {
  const file = await open(path, constants.O_RDWR);
  try {
    return await use(file);
  } finally {
    await file.close();
  }
}
