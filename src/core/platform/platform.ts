import type { AzVolume } from "../api/az-volume.ts";
import { type FileSystemType, isFileSystemType, isOfWindows } from "../volume/device/file-system.ts";

/** The operating systems of nodes. */
export const platforms = ["linux", "windows"] as const;

/** The operating system of a node. */
export type Platform = (typeof platforms)[number];

/** The file system of a volume that names none, as V1 has it. */
export const defaultFileSystems: Readonly<Record<Platform, FileSystemType>> = {
  linux: "ext4",
  windows: "ntfs",
};

/**
 * The platform that mounts a volume, as its spec states it; undefined for a volume that the driver did not
 * create and that names no file system.
 */
export function platformOf(
  spec: Pick<AzVolume["spec"], "fsType" | "capabilities" | "diskUri">,
): Platform | undefined {
  const mounted = spec.capabilities.filter(({ accessType }) => accessType === "mount");
  if (mounted.length === 0) return "linux";
  const stated = spec.fsType ?? mounted.find(({ fsType }) => (fsType ?? "") !== "")?.fsType?.toLowerCase();
  if (stated !== undefined && isFileSystemType(stated)) return isOfWindows(stated) ? "windows" : "linux";
  return spec.diskUri === undefined ? "linux" : undefined;
}
