/** What is known once the kernel has not grown a mounted file system. */
export interface UngrownFileSystem {
  /** Its mount, or the file system itself, is read-only. */
  readonly isReadOnly: boolean;
  /** The errors that ext4 has recorded since its last check (`errors_count`); undefined: it is no ext. */
  readonly errorCount: number | undefined;
  /** Whether this host has CAP_SYS_RESOURCE, which ext4 asks for. */
  readonly mayGrowMountedExt: boolean;
  /** What the command wrote. */
  readonly stderr: string;
}

/** The reasons, with what a person does. */
export const WITHOUT_CAPABILITY =
  "this node keeps CAP_SYS_RESOURCE from its node plug-in; it grows before its next mount: delete the " +
  "pods that use the volume, and they start with the new size";
export const WITH_ERRORS =
  "the kernel has found errors in it; it is checked before its next mount, and can grow then: delete the " +
  "pods that use the volume";
export const WHILE_READ_ONLY =
  "it is mounted read-only; pods start with the size that it has: to grow it, mount the volume writable " +
  "once (without ro in mountOptions of a PersistentVolume)";
export const WITH_UNKNOWN_FEATURE =
  "the resize2fs of this node plug-in's image lacks a feature of it; pods start with the size that it has: " +
  "grow it with a newer e2fsprogs";
/** An ext3, or an ext4 that mkfs of e2fsprogs before 1.43 has made: 16 TiB with blocks of 4 KiB. */
export const BEYOND_32_BITS =
  "its block numbers have 32 bits, too few for the disk; pods start with the size that it has: to use the " +
  "rest, convert an unmounted ext4 (resize2fs -b), or copy the data to a new volume";
export const BEFORE_A_PARTITION =
  "another partition follows its own; pods start with the size that it has: delete that partition to grow it";
/** An NTFS numbers its clusters with 32 bits, and keeps their size. */
export const BEYOND_ITS_CLUSTERS =
  "an NTFS has at most 4,294,967,295 clusters, and those of this one are too small for the disk; pods " +
  "start with the size that it has: to use the rest, copy the data to a volume created with this size";

/** The reasons that no later mount ends: a file system is used with the size that it has. */
export const lastingReasons: ReadonlySet<string> = new Set([
  WITH_UNKNOWN_FEATURE,
  BEYOND_32_BITS,
  BEFORE_A_PARTITION,
  BEYOND_ITS_CLUSTERS,
]);

/**
 * Why a mounted file system is not grown, where that ends with its next mount; undefined: for another reason.
 * ext4 grows none that it has found errors in (`ext4_resize_begin`), and answers as without the capability.
 */
export function whyNotGrown({
  isReadOnly,
  errorCount,
  mayGrowMountedExt,
  stderr,
}: UngrownFileSystem): string | undefined {
  if (isReadOnly) return WHILE_READ_ONLY;
  if (errorCount !== undefined && stderr.includes("unsupported feature")) return WITH_UNKNOWN_FEATURE;
  if (errorCount !== undefined && stderr.includes("expressed in 32 bits")) return BEYOND_32_BITS;
  if (errorCount === undefined || !stderr.includes("Permission denied")) return undefined;
  if (errorCount > 0) return WITH_ERRORS;
  return mayGrowMountedExt ? undefined : WITHOUT_CAPABILITY;
}

/** The most clusters of an NTFS. https://learn.microsoft.com/windows-server/storage/file-server/ntfs-overview */
const NTFS_CLUSTERS_MAX = 2 ** 32 - 1;
const NTFS_CLUSTER_MIN_BYTES = 512;

/** The largest size of an NTFS in bytes by that of its clusters; without it that which none has to exceed. */
export function ntfsMaxBytes(clusterBytes: number = NTFS_CLUSTER_MIN_BYTES): number {
  return NTFS_CLUSTERS_MAX * clusterBytes;
}
