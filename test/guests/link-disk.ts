import { mkdir, readdir, realpath, symlink } from "node:fs/promises";
import { join } from "node:path";
import { systemClock } from "../../src/adapters/system/system-clock.ts";
import { undefinedIfMissing } from "../../src/core/primitives/error-code.ts";

const LINKS = "/dev/disk/azure/data/by-lun";
const BLOCK_DEVICES = "/sys/block";
/** The time between two looks, in milliseconds. */
const REPEAT_MS = 100;
const never = new AbortController().signal;

/** Links a disk as udev does, once the kernel has found it. */
export async function linkDisk(lun: number): Promise<void> {
  for (;;) {
    for (const name of await readdir(BLOCK_DEVICES)) {
      const address = await realpath(join(BLOCK_DEVICES, name, "device")).catch(undefinedIfMissing);
      if (address?.endsWith(`:${lun}`) !== true) continue;
      await mkdir(LINKS, { recursive: true });
      return symlink(join("/dev", name), join(LINKS, String(lun)));
    }
    await systemClock.sleep(REPEAT_MS, never);
  }
}
