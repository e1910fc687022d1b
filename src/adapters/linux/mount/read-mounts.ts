import { lstat } from "node:fs/promises";
import { join } from "node:path";
import type { Failure } from "../../../core/failure/failure.ts";
import { hostNotReady } from "../../../core/failure/frequent-failures.ts";
import type { Result } from "../../../core/failure/result.ts";
import { fail, ok } from "../../../core/failure/result.ts";
import { lacksDevice, soleDeviceOf } from "../../../core/node/btrfs/mounted-btrfs.ts";
import type { MountedBtrfs } from "../../../core/node/btrfs/mounted-btrfs.ts";
import { majorMinorOf } from "../../../core/node/device/device-number.ts";
import { hiderOf, topMountAt } from "../../../core/node/parse-mountinfo.ts";
import type { MountinfoEntry } from "../../../core/node/parse-mountinfo.ts";
import { isPlaceholder } from "../../../core/node/placeholder-mount.ts";
import type { MountPoint } from "../../../ports/host/host-provisioner.ts";
import { partitionsOf } from "../device/block-device.ts";
import type { HostContext } from "../host-context.ts";
import { canonicalPath } from "./canonical-path.ts";
import { answersIoErrorDirectly, whyDead } from "./mount-death.ts";
import { btrfsOnDevices, btrfsWithNumber, mountedBtrfs } from "./read-btrfs.ts";
import { readMountinfo } from "./read-mountinfo.ts";

/** A mount with its own options, and why it is dead. */
export interface ObservedMount extends MountPoint {
  readonly options: readonly string[];
  readonly source: string;
  readonly whyDead: string | undefined;
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
  return hostNotReady(detail);
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
  const btrfs = await btrfsOnDevices(host, entries, numbers);
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
  const isBound = boundDevice !== undefined;
  const hiddenBy = hiderOf(entries, entry)?.mountPoint;
  const why =
    btrfs !== undefined && lacksDevice(btrfs)
      ? "its device is gone"
      : await whyDead(host, { entry, majorMinor, isBound, isHidden: hiddenBy !== undefined });
  const holder = isBound
    ? entries.find((other) => other.majorMinor === entry.majorMinor && other.root === "/")
    : undefined;
  return {
    path: entry.mountPoint,
    majorMinor,
    fsType: entry.fsType,
    root: holder === undefined ? entry.root : join(holder.mountPoint, entry.root),
    // One that went read-only after an error, which its file system's options show, has been written to.
    readOnly: entry.options.includes("ro"),
    isDead: why !== undefined,
    isPlaceholder: isPlaceholder(entry),
    options: entry.options,
    source: entry.source,
    whyDead: why,
    id: entry.id,
    btrfs,
    unidentified,
    hiddenBy,
  };
}
