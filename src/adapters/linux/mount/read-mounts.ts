import { lstat, readFile, realpath, statfs } from "node:fs/promises";
import { basename, dirname, join, relative, resolve } from "node:path";
import type { Failure } from "../../../core/failure/failure.ts";
import type { Result } from "../../../core/failure/result.ts";
import { fail, ok } from "../../../core/failure/result.ts";
import { lacksDevice, soleDeviceOf } from "../../../core/node/btrfs/mounted-btrfs.ts";
import type { MountedBtrfs } from "../../../core/node/btrfs/mounted-btrfs.ts";
import { majorMinorOf } from "../../../core/node/device/device-number.ts";
import { hiderOf, parseMountinfo, topMountAt } from "../../../core/node/parse-mountinfo.ts";
import type { MountinfoEntry } from "../../../core/node/parse-mountinfo.ts";
import { isPlaceholder } from "../../../core/node/placeholder-mount.ts";
import { whyMountIsDead } from "../../../core/node/why-mount-is-dead.ts";
import type { MountPoint } from "../../../ports/host/host-provisioner.ts";
import { callIn, hangs } from "../call-lane.ts";
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
  /**
   * Why nothing is known of its device now, and `majorMinor` is a number of the mount only. It may be of any
   * device, also of the one that is looked for.
   */
  readonly unidentified: Failure | undefined;
  /** The path of a mount that hides it: its own path leads there instead, to other files. */
  readonly hiddenBy: string | undefined;
}

/** What a mount leads to, where that is not the number that mountinfo shows for it. */
interface Behind {
  /** The device whose node is bound here. */
  readonly boundDevice: string | undefined;
  readonly btrfs: MountedBtrfs | undefined;
  readonly unidentified?: Failure | undefined;
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
 * Where the links that lead to paths have led, by the link: a root disk that has shut down reads none. There
 * are few, such as that of kubelet's folder.
 */
const knownLinks = new Map<string, string>();

/**
 * The path as mountinfo shows it: links in the directories above are followed, the last component is taken
 * as it is, since looking at the root of a dead XFS answers EIO, and since nothing is ever mounted on a
 * link. On a root disk that has shut down the links count as they were followed before, and a path without
 * one as it was given: the kernel keeps every directory that leads to a mount in memory, so nothing is
 * mounted where one can't be looked up.
 */
export async function canonicalPath(host: PathHost, path: string): Promise<string> {
  const absolute = resolve(path);
  const given = dirname(absolute);
  const parent = await follow(host, given).catch(async (error: unknown) => {
    if (errorCode(error) === "EIO") return asFollowedBefore(given);
    return hangs(error) ? await asKnown(host, absolute, error) : undefinedIfMissing(error);
  });
  if (parent === undefined) return absolute;
  if (parent !== given && parent !== asFollowedBefore(given)) await rememberLink(host, given, parent);
  return join(parent, basename(absolute));
}

/** The parts of the host that a path is looked up with. */
type PathHost = Pick<HostContext, "lookups" | "procRoot">;

function follow({ lookups }: PathHost, path: string): Promise<string> {
  return callIn(lookups, `realpath ${path}`, () => realpath(path));
}

/**
 * The folder of a path on a disk that hangs: by a link that was followed before, or as it was given where the
 * path is a mount point, and so leads through no link. Throws `error` otherwise: a link that was never
 * followed may hide a mount.
 */
async function asKnown({ procRoot }: PathHost, absolute: string, error: unknown): Promise<string> {
  const given = dirname(absolute);
  const followed = asFollowedBefore(given);
  if (followed !== undefined) return followed;
  if (topMountAt(await readMountinfo(procRoot), absolute) === undefined) throw error;
  return given;
}

/** Remembers the lowest link that leads from `given` to `parent`: each path below it is found by that one. */
async function rememberLink(host: PathHost, given: string, parent: string): Promise<void> {
  let [link, target] = [given, parent];
  while (link !== dirname(link)) {
    const above = await follow(host, dirname(link)).catch(() => undefined);
    if (above === undefined || join(above, basename(link)) !== target) break;
    [link, target] = [dirname(link), above];
  }
  knownLinks.set(link, target);
}

function asFollowedBefore(path: string): string | undefined {
  for (let link = path; link !== dirname(link); link = dirname(link)) {
    const target = knownLinks.get(link);
    if (target !== undefined) return join(target, relative(link, path));
  }
  return undefined;
}

/**
 * The mount at a path, with the direct read that detects a detach without another trace yet; undefined
 * if there is none. Fails where its device could not be found out.
 */
export async function observeMountAt(
  host: HostContext,
  path: string,
  signal: AbortSignal,
): Promise<Result<ObservedMount | undefined>> {
  const found = identified(await glanceAtMount(host, path));
  if (!found.ok) return found;
  const mount = found.value;
  if (mount === undefined || mount.isDead || mount.majorMinor.startsWith("0:")) return found;
  const answersIoError = await answersIoErrorDirectly(host, mount.majorMinor, signal);
  return ok(answersIoError ? { ...mount, isDead: true, whyDead: "its device answers I/O errors" } : mount);
}

/**
 * A mount whose device matters to the caller, and that its path leads to. Where another mount hides it, as
 * after a disk was mounted over the kubelet's folder, a bind would take a directory of that disk for it.
 */
export function identified(mount: ObservedMount | undefined): Result<ObservedMount | undefined> {
  const hidden = mount === undefined ? ok(undefined) : refuseHidden(mount);
  if (!hidden.ok) return hidden;
  return mount?.unidentified === undefined ? ok(mount) : fail(mount.unidentified);
}

/** Fails with `HostNotReady` where the path of a mount leads elsewhere. */
export function refuseHidden({ path, hiddenBy }: ObservedMount): Result<void> {
  if (hiddenBy === undefined) return ok(undefined);
  const detail =
    `the mount at ${path} is hidden by a later one at ${hiddenBy}: unmount that, or drain and restart ` +
    "the machine";
  return fail({ kind: "HostNotReady", detail });
}

/**
 * The mount at a path as the kernel shows it without any I/O: for the path of a failover, where a
 * direct read would cost more than all else. Where the device matters, `identified` comes next.
 */
export async function glanceAtMount(host: HostContext, path: string): Promise<ObservedMount | undefined> {
  return await glanceAtCanonical(host, await canonicalPath(host, path));
}

/** The same for a path as `canonicalPath` gives it: on a disk that hangs that needs a mount, or a link. */
export async function glanceAtCanonical(host: HostContext, path: string): Promise<ObservedMount | undefined> {
  const entries = await readMountinfo(host.procRoot);
  const entry = topMountAt(entries, path);
  if (entry === undefined) return undefined;
  const boundDevice = await boundDeviceOf(entry);
  const isBtrfs = boundDevice === undefined && entry.fsType === "btrfs";
  const btrfs = isBtrfs
    ? await btrfsWithNumber(host, entries, entry.majorMinor, await mountedBtrfs(host.sysRoot))
    : ok(undefined);
  return await observe(host, entries, entry, {
    boundDevice,
    ...(btrfs.ok ? { btrfs: btrfs.value } : { btrfs: undefined, unidentified: btrfs.failure }),
  });
}

/**
 * Where devices with these numbers are mounted, raw block binds included, in the order in which the mounts
 * were made. Fails where one of the mounts can't be found out.
 */
export async function mountPathsOf(
  host: HostContext,
  numbers: ReadonlySet<string>,
): Promise<Result<readonly string[]>> {
  const mounts = await mountsWithDevice(host, await readMountinfo(host.procRoot), numbers);
  return mounts.ok ? ok(mounts.value.map(({ entry }) => entry.mountPoint)) : mounts;
}

/**
 * Every mount of a device and of its partitions, raw block binds included, in the order in which they were
 * made, by what the kernel shows without any I/O. Fails where one of them can't be found out.
 */
export async function glanceAtMountsOf(
  host: HostContext,
  majorMinor: string,
): Promise<Result<readonly ObservedMount[]>> {
  const entries = await readMountinfo(host.procRoot);
  const mounts = await mountsWithDevice(host, entries, await numbersOn(host, majorMinor));
  return mounts.ok
    ? ok(await Promise.all(mounts.value.map(({ entry, behind }) => observe(host, entries, entry, behind))))
    : mounts;
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
): Promise<Result<readonly { readonly entry: MountinfoEntry; readonly behind: Behind }[]>> {
  const btrfs = await btrfsOn(host, entries, numbers);
  if (!btrfs.ok) return btrfs;
  const mounts = await Promise.all(
    entries.map(async (entry) => {
      const boundDevice = await boundDeviceOf(entry);
      return {
        entry,
        behind: {
          boundDevice,
          btrfs: boundDevice === undefined ? btrfs.value.get(entry.majorMinor) : undefined,
        },
      };
    }),
  );
  return ok(
    mounts.filter(
      ({ entry, behind: { boundDevice, btrfs: on } }) =>
        on !== undefined || numbers.has(boundDevice ?? entry.majorMinor),
    ),
  );
}

/**
 * Each btrfs on devices with these numbers, by the number of its mounts. Costs a command if there is one.
 * Fails where one may be mounted at a path for which stat(1) gave no answer.
 */
async function btrfsOn(
  host: HostContext,
  entries: readonly MountinfoEntry[],
  numbers: ReadonlySet<string>,
): Promise<Result<ReadonlyMap<string, MountedBtrfs>>> {
  const mounted = new Set(
    entries.filter(({ fsType }) => fsType === "btrfs").map((entry) => entry.majorMinor),
  );
  const fileSystems = mounted.size === 0 ? [] : await mountedBtrfs(host.sysRoot);
  const isOn = ({ devices }: MountedBtrfs): boolean => devices.some((device) => numbers.has(device));
  const count = fileSystems.filter(isOn).length;
  const found = new Map<string, MountedBtrfs>();
  let failed: Result<never> | undefined;
  for (const number of mounted) {
    if (found.size === count) break;
    const fileSystem = await btrfsWithNumber(host, entries, number, fileSystems);
    if (!fileSystem.ok) failed ??= fileSystem;
    else if (fileSystem.value !== undefined && isOn(fileSystem.value)) found.set(number, fileSystem.value);
  }
  return failed === undefined || found.size === count ? ok(found) : failed;
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
  { boundDevice, btrfs, unidentified }: Behind,
): Promise<ObservedMount> {
  const device = boundDevice ?? (btrfs === undefined ? undefined : soleDeviceOf(btrfs));
  const majorMinor = device ?? entry.majorMinor;
  const hiddenBy = hiderOf(entries, entry)?.mountPoint;
  const whyDead =
    btrfs !== undefined && lacksDevice(btrfs)
      ? "its device is gone"
      : await whyDeadOf(host, { entry, isHidden: hiddenBy !== undefined }, boundDevice, majorMinor);
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
    unidentified,
    hiddenBy,
  };
}

async function whyDeadOf(
  host: HostContext,
  { entry, isHidden }: { readonly entry: MountinfoEntry; readonly isHidden: boolean },
  boundDevice: string | undefined,
  majorMinor: string,
): Promise<string | undefined> {
  // Not a block device's file system (tmpfs, NFS …): not the driver's.
  if (majorMinor.startsWith("0:")) return undefined;
  const [sizeBytes, state] = await Promise.all([
    sizeOfDevice(host.sysRoot, majorMinor),
    diskOf(host.sysRoot, majorMinor).then((disk) => readDeviceAttribute(host.sysRoot, disk, "device/state")),
  ]);
  const device = sizeBytes === undefined ? undefined : { sizeBytes, state };
  const isBound = boundDevice !== undefined;
  const root = isBound
    ? { fileSystemBytes: smallestDiskBytes, answersIoError: false }
    : isHidden
      ? unasked
      : await askRoot(host, entry.mountPoint);
  // Options of a devtmpfs say nothing of the device that is bound from it.
  return whyMountIsDead({
    entry: isBound ? { options: [], superOptions: [] } : entry,
    device,
    ...root,
  });
}

/** The path of a hidden mount leads to what hides it. */
const unasked = { fileSystemBytes: undefined, answersIoError: false };

async function askRoot(
  { volumeLooks }: HostContext,
  mountPoint: string,
): Promise<{ readonly fileSystemBytes: bigint | undefined; readonly answersIoError: boolean }> {
  try {
    const stats = await callIn(volumeLooks, `statfs ${mountPoint}`, async () => {
      await lstat(mountPoint);
      return await statfs(mountPoint, { bigint: true });
    });
    return { fileSystemBytes: stats.blocks * stats.bsize, answersIoError: false };
  } catch (error) {
    // Another error (the mount has just ended, say) proves nothing. Nor does a look that hangs, as with XFS
    // on Linux 5.14 to 5.18 while its device answers nothing, or that is not made while another one hangs.
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
