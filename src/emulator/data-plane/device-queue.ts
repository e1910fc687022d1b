import { writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { errorCode } from "./attempt.ts";

/**
 * The settings of a queue that outlive a loop device's file, with the value that gives each its default
 * (Documentation/ABI/stable/sysfs-block; a loop device has no scheduler unless one is chosen). A new
 * scheduler resets the number of requests, and a new size of requests the read-ahead.
 */
const defaults = [
  ["scheduler", "none"],
  ["max_sectors_kb", "0"],
  ["wbt_lat_usec", "-1"],
  ["nomerges", "0"],
  ["rq_affinity", "1"],
  ["add_random", "0"],
] as const;

/** The kernel lacks the setting, refuses to change it here, or shows sysfs for reading only. */
const notChangeable: readonly (string | undefined)[] = ["ENOENT", "EINVAL", "EROFS", "EACCES"];

/**
 * Gives a device the settings of a disk that has just been attached. The kernel makes a new device for that;
 * a loop device would keep what a node set for its last disk.
 */
export async function resetQueue(devicePath: string): Promise<void> {
  const queue = join("/sys/class/block", basename(devicePath), "queue");
  for (const [name, value] of defaults)
    try {
      // Without the flags that make files: sysfs has those that it has.
      await writeFile(join(queue, name), value, { flag: "r+" });
    } catch (error) {
      if (!notChangeable.includes(errorCode(error))) throw error;
    }
}
