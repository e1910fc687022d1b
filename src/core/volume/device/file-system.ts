export const linuxFileSystemTypes = ["ext4", "ext3", "ext2", "xfs", "btrfs"] as const;

export const windowsFileSystemTypes = ["ntfs", "refs"] as const;

/** File systems that the driver makes, on one platform or the other. */
export const fileSystemTypes = [...linuxFileSystemTypes, ...windowsFileSystemTypes] as const;

export type FileSystemType = (typeof fileSystemTypes)[number];

export function isFileSystemType(name: string): name is FileSystemType {
  return fileSystemTypes.some((fsType) => fsType === name);
}

/** Whether a file system is checked and grown only while it is mounted, by the kernel. */
export function isKeptByKernel(fsType: FileSystemType): boolean {
  return fsType === "xfs" || fsType === "btrfs";
}

export function isOfWindows(fsType: FileSystemType): boolean {
  return windowsFileSystemTypes.some((name) => name === fsType);
}

/**
 * The types that the kernel mounts as one type: its ext4 mounts the older ones of its family as they are
 * (ext4(5)), and no other type mounts a further one.
 */
export function typesMountedAs(fsType: FileSystemType): readonly string[] {
  return fsType === "ext4" ? ["ext4", "ext3", "ext2"] : [fsType];
}
