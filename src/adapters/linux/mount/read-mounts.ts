import { lstat, readFile, realpath, statfs } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { lacksDevice, soleDeviceOf } from "../../../core/node/btrfs/mounted-btrfs.ts";
import type { MountedBtrfs } from "../../../core/node/btrfs/mounted-btrfs.ts";
import { majorMinorOf } from "../../../core/node/device-number.ts";
import { whyMountIsDead } from "../../../core/node/judge-mount.ts";
import { parseMountinfo, topMountAt } from "../../../core/node/parse-mountinfo.ts";
import type { MountinfoEntry } from "../../../core/node/parse-mountinfo.ts";
import { isPlaceholder } from "../../../core/node/placeholder-mount.ts";
import type { MountPoint } from "../../../ports/host/host-provisioner.ts";
import {
  diskOf,
  nodeOfDevice,
  partitionsOf,
  readDeviceAttribute,
  sizeOfDevice,
} from "../device/block-device.ts";
import { errorCode, undefinedIfMissing } from "../error-code.ts";
import type { HostContext } from "../host-context.ts";
import { btrfsWithNumber, mountedBtrfs } from "./read-btrfs.ts";

/** A mount with its own options, and why it is dead. */
export interface ObservedMount extends MountPoint {
  readonly options: readonly string[];
  readonly source: string;
  readonly whyDead: string | undefined;
  /** The id of the mount in mountinfo. */
  readonly id: number;
  /** Of a btrfs: the file system, where that can be found out. */
  readonly btrfs: MountedBtrfs | undefined;
}

/** What a mount leads to, where that is not the number that mountinfo shows for it. */
interface Behind {
  /** The device whose node is bound here. */
  readonly boundDevice: string | undefined;
  readonly btrfs: MountedBtrfs | undefined;
}

/**
 * Reads of mountinfo before giving up on two equal ones: concurrent mounts and unmounts make the kernel
 * leave out others.
 */
const readsMax = 5;

/**
 * The read error of a detached device; any other one (no such program, no permission) is no proof of
 * death.
 */
const ioErrorMessages = /Input\/output error|No such device|Remote I\/O error/;

/** No disk is smaller: a smaller raw device has been detached. */
const smallestDiskBytes = 4096n;

/** Bytes of the direct read: the largest sector size that Azure's disks have. */
const probeBytes = 4096;

/** All mounts of this mount namespace. */
export async function readMountinfo(procRoot: string): Promise<readonly MountinfoEntry[]> {
  const path = join(procRoot, "self/mountinfo");
  let text = await readFile(path, "utf8");
  for (let reads = 1; reads < readsMax; reads += 1) {
    const again = await readFile(path, "utf8");
    if (again === text) break;
    text = again;
  }
  return parseMountinfo(text);
}

/**
 * The path as mountinfo shows it: links in the directories above are followed, the last component is taken
 * as it is, since looking at the root of a dead XFS answers EIO, and since nothing is ever mounted on a
 * link.
 */
export async function canonicalPath(path: string): Promise<string> {
  const absolute = resolve(path);
  const parent = await realpath(dirname(absolute)).catch(undefinedIfMissing);
  return parent === undefined ? absolute : join(parent, basename(absolute));
}

/**
 * The mount at a path, with the direct read that detects a detach without another trace yet; undefined
 * if there is none.
 */
export async function observeMountAt(
  host: HostContext,
  path: string,
  signal: AbortSignal,
): Promise<ObservedMount | undefined> {
  const mount = await glanceAtMount(host, path);
  if (mount === undefined || mount.isDead || mount.majorMinor.startsWith("0:")) return mount;
  const answersIoError = await answersIoErrorDirectly(host, mount.majorMinor, signal);
  return answersIoError ? { ...mount, isDead: true, whyDead: "its device answers I/O errors" } : mount;
}

/**
 * The mount at a path as the kernel shows it without any I/O: for the path of a failover, where a
 * direct read would cost more than all else.
 */
export async function glanceAtMount(host: HostContext, path: string): Promise<ObservedMount | undefined> {
  const entries = await readMountinfo(host.procRoot);
  const entry = topMountAt(entries, await canonicalPath(path));
  if (entry === undefined) return undefined;
  const boundDevice = await boundDeviceOf(entry);
  const isBtrfs = boundDevice === undefined && entry.fsType === "btrfs";
  const btrfs = isBtrfs
    ? await btrfsWithNumber(host, entries, entry.majorMinor, await mountedBtrfs(host.sysRoot))
    : undefined;
  return await observe(host, entries, entry, { boundDevice, btrfs });
}

/**
 * Where devices with these numbers are mounted, raw block binds included, in the order in which the mounts
 * were made.
 */
export async function mountPathsOf(
  host: HostContext,
  numbers: ReadonlySet<string>,
): Promise<readonly string[]> {
  const mounts = await mountsWithDevice(host, await readMountinfo(host.procRoot), numbers);
  return mounts.map(({ entry }) => entry.mountPoint);
}

/**
 * Every mount of a device and of its partitions, raw block binds included, in the order in which they were
 * made, by what the kernel shows without any I/O.
 */
export async function glanceAtMountsOf(
  host: HostContext,
  majorMinor: string,
): Promise<readonly ObservedMount[]> {
  const entries = await readMountinfo(host.procRoot);
  const mounts = await mountsWithDevice(host, entries, await numbersOn(host, majorMinor));
  return await Promise.all(mounts.map(({ entry, behind }) => observe(host, entries, entry, behind)));
}

/** The numbers of a device and of its partitions: a mount of either writes to it. */
export async function numbersOn({ sysRoot }: HostContext, majorMinor: string): Promise<ReadonlySet<string>> {
  const partitions = await partitionsOf(sysRoot, majorMinor);
  return new Set([majorMinor, ...partitions.map((partition) => partition.majorMinor)]);
}

async function mountsWithDevice(
  host: HostContext,
  entries: readonly MountinfoEntry[],
  numbers: ReadonlySet<string>,
) {
  const btrfs = await btrfsOn(host, entries, numbers);
  const mounts = await Promise.all(
    entries.map(async (entry) => {
      const boundDevice = await boundDeviceOf(entry);
      return {
        entry,
        behind: { boundDevice, btrfs: boundDevice === undefined ? btrfs.get(entry.majorMinor) : undefined },
      };
    }),
  );
  return mounts.filter(
    ({ entry, behind: { boundDevice, btrfs: on } }) =>
      on !== undefined || numbers.has(boundDevice ?? entry.majorMinor),
  );
}

/** Each btrfs on devices with these numbers, by the number of its mounts. Costs a command if there is one. */
async function btrfsOn(
  host: HostContext,
  entries: readonly MountinfoEntry[],
  numbers: ReadonlySet<string>,
): Promise<ReadonlyMap<string, MountedBtrfs>> {
  const mounted = new Set(
    entries.filter(({ fsType }) => fsType === "btrfs").map((entry) => entry.majorMinor),
  );
  const fileSystems = mounted.size === 0 ? [] : await mountedBtrfs(host.sysRoot);
  const isOn = ({ devices }: MountedBtrfs): boolean => devices.some((device) => numbers.has(device));
  const found = new Map<string, MountedBtrfs>();
  if (!fileSystems.some(isOn)) return found;
  for (const number of mounted) {
    const fileSystem = await btrfsWithNumber(host, entries, number, fileSystems);
    if (fileSystem !== undefined && isOn(fileSystem)) found.set(number, fileSystem);
  }
  return found;
}

/** The device whose node is bound here; undefined for every other mount. */
async function boundDeviceOf(entry: MountinfoEntry): Promise<string | undefined> {
  if (entry.root === "/") return undefined;
  // Never read a network or FUSE file system, which may hang: device nodes are on devtmpfs, or on a
  // local disk.
  const isLocal =
    !entry.majorMinor.startsWith("0:") ||
    entry.fsType === "btrfs" ||
    entry.fsType === "devtmpfs" ||
    entry.fsType === "tmpfs" ||
    entry.fsType === "overlay";
  if (!isLocal) return undefined;
  const found = await lstat(entry.mountPoint, { bigint: true }).catch(() => undefined);
  return found?.isBlockDevice() === true ? majorMinorOf(found.rdev) : undefined;
}

async function observe(
  host: HostContext,
  entries: readonly MountinfoEntry[],
  entry: MountinfoEntry,
  { boundDevice, btrfs }: Behind,
): Promise<ObservedMount> {
  const device = boundDevice ?? (btrfs === undefined ? undefined : soleDeviceOf(btrfs));
  const majorMinor = device ?? entry.majorMinor;
  const whyDead =
    btrfs !== undefined && lacksDevice(btrfs)
      ? "its device is gone"
      : await whyDeadOf(host, entry, boundDevice !== undefined, majorMinor);
  const holder =
    boundDevice === undefined
      ? undefined
      : entries.find((other) => other.majorMinor === entry.majorMinor && other.root === "/");
  return {
    path: entry.mountPoint,
    majorMinor,
    fsType: entry.fsType,
    root: holder === undefined ? entry.root : join(holder.mountPoint, entry.root),
    readOnly: entry.options.includes("ro") || entry.superOptions.includes("ro"),
    isDead: whyDead !== undefined,
    isPlaceholder: isPlaceholder(entry),
    options: entry.options,
    source: entry.source,
    whyDead,
    id: entry.id,
    btrfs,
  };
}

async function whyDeadOf(
  host: HostContext,
  entry: MountinfoEntry,
  isBound: boolean,
  majorMinor: string,
): Promise<string | undefined> {
  // Not a block device's file system (tmpfs, NFS …): not the driver's.
  if (majorMinor.startsWith("0:")) return undefined;
  const [sizeBytes, state] = await Promise.all([
    sizeOfDevice(host.sysRoot, majorMinor),
    diskOf(host.sysRoot, majorMinor).then((disk) => readDeviceAttribute(host.sysRoot, disk, "device/state")),
  ]);
  const device = sizeBytes === undefined ? undefined : { sizeBytes, state };
  const root = isBound
    ? { fileSystemBytes: smallestDiskBytes, answersIoError: false }
    : await askRoot(entry.mountPoint);
  // Options of a devtmpfs say nothing of the device that is bound from it.
  return whyMountIsDead({
    entry: isBound ? { options: [], superOptions: [] } : entry,
    device,
    ...root,
  });
}

async function askRoot(
  mountPoint: string,
): Promise<{ readonly fileSystemBytes: bigint | undefined; readonly answersIoError: boolean }> {
  try {
    await lstat(mountPoint);
    const stats = await statfs(mountPoint, { bigint: true });
    return { fileSystemBytes: stats.blocks * stats.bsize, answersIoError: false };
  } catch (error) {
    // Another error (the mount has just ended, say) proves nothing.
    return {
      fileSystemBytes: undefined,
      answersIoError: errorCode(error) === "EIO" || errorCode(error) === "ENODEV",
    };
  }
}

/**
 * Reads the first block of the device past every cache: until the detached file system is next written,
 * only this detects it.
 */
async function answersIoErrorDirectly(
  host: HostContext,
  majorMinor: string,
  signal: AbortSignal,
): Promise<boolean> {
  const node = await nodeOfDevice(host.sysRoot, majorMinor);
  if (node === undefined) return false;
  const exit = await host.runner.run(
    {
      program: "dd",
      args: [`if=${node}`, `bs=${probeBytes}`, "count=1", "iflag=direct", "status=none"],
      pool: "inspect",
      limitMs: host.limits.directReadMs,
      touches: [],
      changes: false,
    },
    signal,
  );
  // A read that hangs or can't be made is no answer; a device shorter than one block has been detached.
  if (!exit.ok) return false;
  return exit.value.exitCode === 0
    ? exit.value.stdout.length < probeBytes
    : ioErrorMessages.test(exit.value.stderr);
}
