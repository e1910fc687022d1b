import { stat } from "node:fs/promises";
import { majorMinorOf } from "../../src/core/node/device/device-number.ts";
import { losetupArgs, parseLosetup } from "../../src/core/node/parse-losetup.ts";
import { type BoundLoopDevice, boundLoopDevices } from "../../src/emulator/data-plane/bound-loop-devices.ts";
import { run } from "./units/run.ts";
import { waitUntil } from "./units/wait-until.ts";

const DEVICES_FREE_MAX_MS = 240_000;
const DETACH_EVERY_MS = 100;

/**
 * Releases the loop devices on files in `folder`. First it releases those that a kubelet made on one of
 * them for a raw block volume and could not release itself. They are busy until the kernel has ended the
 * mounts of namespaces whose processes are gone. Throws if they still are after four minutes.
 */
export async function releaseDevices(folder: string): Promise<void> {
  await waitUntil(
    "the lab's loop devices to be free",
    { timeoutMs: DEVICES_FREE_MAX_MS, everyMs: DETACH_EVERY_MS },
    async () => {
      const bound = await boundLoopDevices(folder);
      for (const path of await devicesOn(bound)) {
        // One that is free by now is no error, and one that is busy is detached in the next round.
        await run(["losetup", "--detach", path]).catch(() => undefined);
      }
      for (const { path } of bound) await detach(path, folder);
      return bound.length === 0 || undefined;
    },
  );
}

/**
 * Loop devices that are backed by others, found by the file system and number of those devices' nodes: the
 * paths that they were made with disappeared with the nodes' namespaces.
 */
async function devicesOn(devices: readonly BoundLoopDevice[]): Promise<readonly string[]> {
  const nodes = await Promise.all(
    devices.map(async ({ path }) => {
      const node = await stat(path, { bigint: true });
      return `${majorMinorOf(node.dev)} ${node.ino}`;
    }),
  );
  const listed = parseLosetup(await run(["losetup", ...losetupArgs]));
  return listed
    .filter(({ backingFileSystem, backingInode }) => nodes.includes(`${backingFileSystem} ${backingInode}`))
    .map(({ path }) => path);
}

/** It may be free already by the time of the call. */
async function detach(path: string, folder: string): Promise<void> {
  try {
    await run(["losetup", "--detach", path]);
  } catch (error) {
    if ((await boundLoopDevices(folder)).some((device) => device.path === path && !device.isCut)) throw error;
  }
}
