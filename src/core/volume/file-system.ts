/** File systems that a Linux node makes and mounts. */
export const linuxFileSystemTypes = ["ext4", "ext3", "ext2", "xfs"] as const;

/** File systems that a Windows node makes and mounts. */
export const windowsFileSystemTypes = ["ntfs", "refs"] as const;

/** File systems that the driver makes, on one platform or the other. */
export const fileSystemTypes = [...linuxFileSystemTypes, ...windowsFileSystemTypes] as const;

/** File systems of V1 that the driver does not make, with the reason. */
export const refusedFileSystems: Readonly<Record<string, string>> = {
  btrfs:
    "btrfs is not served: its mounts show a number of their own instead of their disk's, by which a node " +
    "proves that nothing of a disk is left on it",
};

/** A file system that the driver makes. */
export type FileSystemType = (typeof fileSystemTypes)[number];

/** Whether `name` is a file system that the driver makes. */
export function isFileSystemType(name: string): name is FileSystemType {
  return fileSystemTypes.some((fsType) => fsType === name);
}

/** Whether only Windows nodes mount a file system. */
export function isOfWindows(fsType: FileSystemType): boolean {
  return windowsFileSystemTypes.some((name) => name === fsType);
}
