import type { FileSystemType } from "../../src/core/volume/device/file-system.ts";

/** A volume that grows in a guest. */
export interface Growth {
  readonly lun: number;
  readonly fsType: FileSystemType;
  readonly volumeContext: Readonly<Record<string, string>>;
  /** The size of the volume before and after, in GiB. */
  readonly beforeGiB: number;
  readonly afterGiB: number;
}

const usual = { volumeContext: {}, beforeGiB: 10, afterGiB: 20 } as const;

/** The volumes of the guest. */
export const growths: readonly Growth[] = [
  { lun: 0, fsType: "ext4", ...usual },
  { lun: 1, fsType: "xfs", ...usual },
  { lun: 2, fsType: "btrfs", ...usual },
  // As far as it may: from the least disk to the end of what mkfs has reserved.
  { lun: 3, fsType: "ext4", volumeContext: { blockSize: "1024" }, beforeGiB: 1, afterGiB: 32 },
];

/** What the guest prints once the volume is in use and its disk is to grow. */
export function readyToGrow({ lun, fsType }: Growth): string {
  return `${fsType} at LUN ${lun} is in use`;
}

/** What it prints once the file system has grown and its data were compared. */
export function hasGrown({ lun, fsType }: Growth): string {
  return `${fsType} at LUN ${lun} has grown while it was mounted`;
}
