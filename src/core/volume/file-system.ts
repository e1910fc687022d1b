/** File systems that the driver makes on Linux. */
export const fileSystemTypes = ["ext4", "ext3", "ext2", "xfs"] as const;

/** A file system that the driver makes. */
export type FileSystemType = (typeof fileSystemTypes)[number];

/** Whether `name` is a file system that the driver makes. */
export function isFileSystemType(name: string): name is FileSystemType {
  return fileSystemTypes.some((fsType) => fsType === name);
}
