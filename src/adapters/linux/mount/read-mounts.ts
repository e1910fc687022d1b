import { lstat, readFile, realpath, statfs } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
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

/** A mount with its own options, and why it is dead. */
export interface ObservedMount extends MountPoint {
  readonly options: readonly string[];
  readonly source: string;
  readonly whyDead: string | undefined;
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
  return entry === undefined ? undefined : await observe(host, entries, entry, await boundDeviceOf(entry));
}

/**
 * Where devices with these numbers are mounted, raw block binds included, in the order in which the mounts
 * were made.
 */
export async function mountPathsOf(
  host: HostContext,
  numbers: ReadonlySet<string>,
): Promise<readonly string[]> {
  const mounts = await mountsWithDevice(await readMountinfo(host.procRoot), numbers);
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
  const mounts = await mountsWithDevice(entries, await numbersOn(host, majorMinor));
  return await Promise.all(
    mounts.map(({ entry, boundDevice }) => observe(host, entries, entry, boundDevice)),
  );
}

/** The numbers of a device and of its partitions: a mount of either writes to it. */
export async function numbersOn({ sysRoot }: HostContext, majorMinor: string): Promise<ReadonlySet<string>> {
  const partitions = await partitionsOf(sysRoot, majorMinor);
  return new Set([majorMinor, ...partitions.map((partition) => partition.majorMinor)]);
}

async function mountsWithDevice(entries: readonly MountinfoEntry[], numbers: ReadonlySet<string>) {
  const mounts = await Promise.all(
    entries.map(async (entry) => ({ entry, boundDevice: await boundDeviceOf(entry) })),
  );
  return mounts.filter(({ entry, boundDevice }) => numbers.has(boundDevice ?? entry.majorMinor));
}

/** The device whose node is bound here; undefined for every other mount. */
async function boundDeviceOf(entry: MountinfoEntry): Promise<string | undefined> {
  if (entry.root === "/") return undefined;
  // Never read a network or FUSE file system, which may hang: device nodes are on devtmpfs, or on a
  // local disk.
  const isLocal =
    !entry.majorMinor.startsWith("0:") ||
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
  boundDevice: string | undefined,
): Promise<ObservedMount> {
  const majorMinor = boundDevice ?? entry.majorMinor;
  const whyDead = await whyDeadOf(host, entry, boundDevice !== undefined, majorMinor);
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
