import { readdir, readFile } from "node:fs/promises";
import { errorCode } from "./attempt.ts";
import { CUT_OFFSET_BYTES } from "./loop-info.ts";

/** A loop device that the kernel has bound to a file. */
export interface BoundLoopDevice {
  /** `/dev/loop7`. */
  readonly path: string;
  readonly filePath: string;
  /**
   * Its VM can neither read nor write any more. The device exists only because a process still holds it
   * open.
   */
  readonly isCut: boolean;
}

/** What the kernel appends to the name of a file that has been removed. */
const DELETED = " (deleted)";

/**
 * The loop devices bound to files in `directory` (a real path), whichever process bound them, removed files
 * included.
 */
export async function boundLoopDevices(directory: string): Promise<readonly BoundLoopDevice[]> {
  const names = (await readdir("/sys/block")).filter((name) => /^loop\d+$/.test(name));
  const devices = await Promise.all(names.map((name) => boundLoopDevice(`/dev/${name}`)));
  return devices.filter(
    (device) => device !== undefined && device.filePath.startsWith(`${directory}/`),
  ) as readonly BoundLoopDevice[];
}

/** The file to which the loop device `path` is bound; undefined if to none. */
export async function boundLoopDevice(path: string): Promise<BoundLoopDevice | undefined> {
  const filePath = await readAttribute(path, "backing_file");
  const offset = await readAttribute(path, "offset");
  if (filePath === undefined || offset === undefined) return undefined;
  return {
    path,
    filePath: filePath.endsWith(DELETED) ? filePath.slice(0, -DELETED.length) : filePath,
    isCut: BigInt(offset) === CUT_OFFSET_BYTES,
  };
}

async function readAttribute(path: string, attribute: string): Promise<string | undefined> {
  try {
    return (await readFile(`/sys/block/${path.slice("/dev/".length)}/loop/${attribute}`, "utf8")).replace(
      /\n$/,
      "",
    );
  } catch (error) {
    // The device was never bound, or is being released now.
    if (["ENOENT", "ENODEV", "ENXIO"].includes(errorCode(error) ?? "")) return undefined;
    throw error;
  }
}
