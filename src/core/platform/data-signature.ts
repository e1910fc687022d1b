/** A kind of data, and what its first MiB contains at an offset, in bytes. */
interface Signature {
  readonly name: string;
  readonly offset: number;
  /** As Latin-1 text: one character a byte. */
  readonly text: string;
}

/**
 * What Windows does not name, or names only where it can read it. Each by its place in the kernel's or the
 * tool's own headers: `EXT4_SUPER_MAGIC`, `XFS_SB_MAGIC`, `BTRFS_MAGIC`, `LUKS_MAGIC` (cryptsetup), LVM2's
 * label in one of four sectors, `MD_SB_MAGIC` (md 1.1 and 1.2), swap of 4 KiB pages, `F2FS_SUPER_MAGIC`.
 * BitLocker's volumes, NTFS, ReFS and exFAT name themselves in their boot sector.
 */
const SIGNATURES: readonly Signature[] = [
  { name: "ext2, ext3 or ext4", offset: 1080, text: "\u0053\u00ef" },
  { name: "XFS", offset: 0, text: "XFSB" },
  { name: "btrfs", offset: 65_600, text: "_BHRfS_M" },
  { name: "LUKS", offset: 0, text: "LUKS\u00ba\u00be" },
  ...[0, 512, 1024, 1536].map((offset) => ({ name: "LVM", offset, text: "LABELONE" })),
  ...[0, 4096].map((offset) => ({ name: "Linux RAID", offset, text: "\u00fc\u004e\u002b\u00a9" })),
  { name: "swap", offset: 4086, text: "SWAPSPACE2" },
  { name: "F2FS", offset: 1024, text: "\u0010\u0020\u00f5\u00f2" },
  { name: "BitLocker", offset: 3, text: "-FVE-FS-" },
  { name: "NTFS", offset: 3, text: "NTFS    " },
  { name: "ReFS", offset: 3, text: "ReFS\0\0\0\0" },
  { name: "exFAT", offset: 3, text: "EXFAT   " },
];

/** The data that begins here, by its first MiB, such as `XFS`; undefined: none of those that are known. */
export function signatureOf(start: Uint8Array): string | undefined {
  return SIGNATURES.find(({ offset, text }) =>
    Array.from(text).every((character, index) => start[offset + index] === character.charCodeAt(0)),
  )?.name;
}
