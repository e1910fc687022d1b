import type { MountinfoEntry } from "../parse-mountinfo.ts";

/**
 * A btrfs that the kernel has mounted, in whatever mount namespace, as `/sys/fs/btrfs` shows it. Its mounts
 * have a number of their own, of major 0, and no kernel links that to a device.
 */
export interface MountedBtrfs {
  /** Its UUID in this kernel. A copy that is mounted beside its source has one that is made for the mount. */
  readonly fsid: string;
  /** The numbers of its devices that the kernel still has. */
  readonly devices: readonly string[];
  /** The names of those that the kernel has removed under the mount, such as `sdc`. */
  readonly removedNames: readonly string[];
  /** Its own numbers of all its devices, such as `1`. */
  readonly deviceIds: readonly string[];
  /** Those that it calls missing: it sends no I/O to them. */
  readonly missingIds: readonly string[];
}

/** Magic number of a btrfs in statfs(2), as stat(1) prints it. */
const BTRFS_MAGIC = "9123683e";
/** The file system's own tree of files, which is mounted unless an option names another. */
const TOP_SUBVOLUME = 5n;
const WORD_BITS = 32n;
const WORDS = 4;
const WORD_DIGITS = 8;

/** The number of its only device; undefined if it has several, or the kernel no longer has it. */
export function soleDeviceOf({ devices, deviceIds }: MountedBtrfs): string | undefined {
  return deviceIds.length === 1 ? devices[0] : undefined;
}

/**
 * Whether the kernel has removed one of its devices under the mount. One that is only missing was not there
 * when it was mounted (`-o degraded`), and has no link in sysfs. From Linux 6.19 on, a removed one may be
 * called missing as well; it keeps its link.
 */
export function lacksDevice({ devices, removedNames, deviceIds, missingIds }: MountedBtrfs): boolean {
  return removedNames.length > 0 || devices.length < deviceIds.length - missingIds.length;
}

/**
 * Whether it is, or may be, on a device with one of these numbers. The kernel says of no removed device
 * which number it had, so one of a file system may be any that is gone.
 */
export function mayBeOn(
  fileSystem: MountedBtrfs,
  { numbers, isGone }: { readonly numbers: ReadonlySet<string>; readonly isGone: boolean },
): boolean {
  return fileSystem.devices.some((device) => numbers.has(device)) || (isGone && lacksDevice(fileSystem));
}

/** Arguments that make stat(1) print what `chooseBtrfs` reads. */
export const statfsArgs = ["--file-system", "--format=%t %i"] as const;

/**
 * The file system of a mount, by what stat(1) prints for its path: statfs(2) has 64 bits of the UUID and the
 * mounted subvolume. Undefined if none fits, or several do: then nothing is known.
 */
export function chooseBtrfs(
  fileSystems: readonly MountedBtrfs[],
  { superOptions }: Pick<MountinfoEntry, "superOptions">,
  statfs: string,
): MountedBtrfs | undefined {
  const subvolume = superOptions.find((option) => option.startsWith("subvolid="))?.split("=")[1];
  const id = subvolume === undefined ? TOP_SUBVOLUME : BigInt(subvolume);
  const fitting = fileSystems.filter(
    ({ fsid }) => `${BTRFS_MAGIC} ${statfsIdOf(fsid, id).toString(16)}` === statfs.trim(),
  );
  return fitting.length === 1 ? fitting[0] : undefined;
}

/** `btrfs_statfs` (fs/btrfs/super.c): the UUID's four words folded into two, and the subvolume's number. */
function statfsIdOf(fsid: string, subvolume: bigint): bigint {
  const digits = fsid.replaceAll("-", "");
  const [first = 0n, second = 0n, third = 0n, fourth = 0n] = Array.from({ length: WORDS }, (_, index) =>
    BigInt(`0x${digits.slice(index * WORD_DIGITS, (index + 1) * WORD_DIGITS)}`),
  );
  return (((first ^ third) << WORD_BITS) | (second ^ fourth)) ^ subvolume;
}
