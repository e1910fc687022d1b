/** What the superblock of a btrfs says of the devices that it needs. */
export interface BtrfsSuper {
  readonly deviceCount: number;
  /** It is read-only for good, as the base of other file systems that add devices to it. */
  readonly isSeed: boolean;
}

/** Arguments that make btrfs(8) print what `parseBtrfsSuper` reads. */
export const dumpSuperArgs = ["inspect-internal", "dump-super"] as const;

/** BTRFS_SUPER_FLAG_SEEDING (btrfs-tree.h). */
const SEEDING = 1n << 32n;

/**
 * Parses `btrfs inspect-internal dump-super`; undefined: not its output. A label, which a user chooses and
 * which may look like a line of it, comes after the flags and before the number of devices.
 */
export function parseBtrfsSuper(text: string): BtrfsSuper | undefined {
  const flags = /^flags\s+(0x[0-9a-f]+)$/mu.exec(text)?.[1];
  const deviceCount = [...text.matchAll(/^num_devices\s+(\d+)$/gmu)].at(-1)?.[1];
  return flags === undefined || deviceCount === undefined
    ? undefined
    : { deviceCount: Number(deviceCount), isSeed: (BigInt(flags) & SEEDING) !== 0n };
}

/** Why a device with that superblock is not served; undefined: it holds a whole file system. */
export function whyBtrfsUnserved({ deviceCount, isSeed }: BtrfsSuper): string | undefined {
  if (deviceCount !== 1)
    return `one of ${deviceCount} devices of a btrfs, which would write to disks that are not the volume's`;
  return isSeed ? "a btrfs that is a seed of others, and read-only (btrfstune -S 0 ends that)" : undefined;
}
