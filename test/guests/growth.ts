import type { FileSystemType } from "../../src/core/volume/file-system.ts";

/** A volume that grows in a guest. */
export interface Growth {
  readonly lun: number;
  readonly fsType: FileSystemType;
}

/** The volumes of the guest. */
export const growths: readonly Growth[] = [
  { lun: 0, fsType: "ext4" },
  { lun: 1, fsType: "xfs" },
  { lun: 2, fsType: "btrfs" },
];

/** The size of each volume before and after, in GiB. */
export const sizesGiB = { before: 10, after: 20 } as const;

/** What the guest prints once the volume is in use and its disk is to grow. */
export function readyToGrow({ fsType }: Growth): string {
  return `${fsType} is in use`;
}

/** What it prints once the file system has grown and its data were compared. */
export function hasGrown({ fsType }: Growth): string {
  return `${fsType} has grown while it was mounted`;
}
