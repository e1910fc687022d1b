import { readdir, readFile, realpath, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { majorMinorOf } from "../../../core/node/device/device-number.ts";
import { hasCode, undefinedIfMissing } from "../../../core/primitives/error-code.ts";
import { bytes } from "../../../core/primitives/units.ts";
import type { Bytes } from "../../../core/primitives/units.ts";

/** sysfs counts in sectors of this size, whatever the device's own is. */
const sectorBytes = 512n;

/** The device number of a block device's node; undefined if there is no such node. */
export async function blockDeviceAt(path: string): Promise<string | undefined> {
  const found = await stat(path, { bigint: true }).catch(undefinedIfMissing);
  return found?.isBlockDevice() === true ? majorMinorOf(found.rdev) : undefined;
}

/**
 * Reads a file of a block device in sysfs; undefined if the kernel doesn't know the device or it has no
 * such file.
 */
export async function readDeviceAttribute(
  sysRoot: string,
  majorMinor: string,
  attribute: string,
): Promise<string | undefined> {
  return await readAttribute(join(sysRoot, "dev/block", majorMinor, attribute));
}

/** Reads a file of sysfs; undefined if there is none. What it is about may vanish between open and read. */
async function readAttribute(path: string): Promise<string | undefined> {
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    if (hasCode(error, "ENODEV", "ENXIO")) return undefined;
    return undefinedIfMissing(error);
  });
  return text?.trim();
}

/** The size of a block device; undefined if the kernel doesn't know it. */
export async function sizeOfDevice(sysRoot: string, majorMinor: string): Promise<Bytes | undefined> {
  const sectors = await readDeviceAttribute(sysRoot, majorMinor, "size");
  return sectors === undefined ? undefined : bytes(BigInt(sectors) * sectorBytes);
}

/** Whether the kernel refuses every write to a block device. */
export async function isWriteProtected(sysRoot: string, majorMinor: string): Promise<boolean> {
  return (await readDeviceAttribute(sysRoot, majorMinor, "ro")) === "1";
}

/**
 * How many writes a block device has been sent and has not carried out; 0 where the kernel doesn't know it.
 * The kernel counts them while `queue/iostats` is on, as it is by default.
 */
export async function writesInFlight(sysRoot: string, majorMinor: string): Promise<number> {
  const [, writes] = (await readDeviceAttribute(sysRoot, majorMinor, "inflight"))?.split(/\s+/) ?? [];
  return Number(writes ?? 0);
}

/** The node of a block device under `/dev`, by its kernel name; undefined if it does not exist. */
export async function nodeOfDevice(sysRoot: string, majorMinor: string): Promise<string | undefined> {
  const uevent = await readDeviceAttribute(sysRoot, majorMinor, "uevent");
  const name = /^DEVNAME=(.+)$/m.exec(uevent ?? "")?.[1];
  if (name === undefined) return undefined;
  const path = join("/dev", basename(name));
  return (await blockDeviceAt(path)) === majorMinor ? path : undefined;
}

/** The errors that a mounted ext file system has recorded since its last check; 0 where that is unknown. */
export async function extErrorsFound(sysRoot: string, majorMinor: string): Promise<number> {
  const node = await nodeOfDevice(sysRoot, majorMinor);
  if (node === undefined) return 0;
  // It vanishes with the last unmount.
  const count = await readAttribute(join(sysRoot, "fs/ext4", basename(node), "errors_count"));
  return Number(count ?? 0);
}

/** A partition that the kernel sees. */
export interface SeenPartition {
  /** As its disk's table counts it, from 1. */
  readonly number: number;
  readonly majorMinor: string;
}

/** The partitions that the kernel sees on a block device; none if it doesn't know the device. */
export async function partitionsOf(sysRoot: string, majorMinor: string): Promise<readonly SeenPartition[]> {
  const folder = join(sysRoot, "dev/block", majorMinor);
  const entries = (await readdir(folder, { withFileTypes: true }).catch(undefinedIfMissing)) ?? [];
  const names = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  const partitions = await Promise.all(
    names.map(async (name) => {
      const number = await readDeviceAttribute(sysRoot, majorMinor, `${name}/partition`);
      if (number === undefined) return undefined;
      const own = await readDeviceAttribute(sysRoot, majorMinor, `${name}/dev`);
      return own === undefined ? undefined : { number: Number(number), majorMinor: own };
    }),
  );
  return partitions.filter((partition) => partition !== undefined);
}

/** The number of the disk that a partition is on; the device's own where it is none, or is gone. */
export async function diskOf(sysRoot: string, majorMinor: string): Promise<string> {
  if ((await readDeviceAttribute(sysRoot, majorMinor, "partition")) === undefined) return majorMinor;
  // The folder of a partition is in that of its disk, to which the link must be followed first.
  const folder = await realpath(join(sysRoot, "dev/block", majorMinor)).catch(undefinedIfMissing);
  const disk =
    folder === undefined
      ? undefined
      : await readFile(join(dirname(folder), "dev"), "utf8").catch(undefinedIfMissing);
  return disk?.trim() ?? majorMinor;
}

/**
 * What the kernel has made of block devices with these numbers, such as `dm-0 (vg-data)` of LVM or
 * multipath, and `md127`. They hold them exclusively, and udev makes them as soon as a disk is there.
 */
export async function holdersOf(sysRoot: string, numbers: ReadonlySet<string>): Promise<readonly string[]> {
  const holders: string[] = [];
  for (const majorMinor of numbers) {
    const folder = join(sysRoot, "dev/block", majorMinor, "holders");
    for (const name of (await readdir(folder).catch(undefinedIfMissing)) ?? []) {
      const given = await readFile(join(folder, name, "dm/name"), "utf8").catch(undefinedIfMissing);
      holders.push(given === undefined ? name : `${name} (${given.trim()})`);
    }
  }
  return holders;
}
