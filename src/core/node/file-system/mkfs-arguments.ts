import type { FileSystemGeometry } from "../../volume/device/file-system-geometry.ts";
import type { FileSystemType } from "../../volume/device/file-system.ts";

/**
 * The arguments of mkfs before the device. A new disk is all zeros, so a discard first would only take time,
 * and erase the format mark. ext: no blocks reserved for root, and `-F` since no user is there to answer
 * questions. xfs and btrfs: without `-f`, so that mkfs checks once more and refuses a device that is not
 * blank. btrfs: with blocks that a node of any architecture mounts, whatever the page size of this one is.
 * The geometry was checked before (`geometryProblem`).
 */
export function mkfsArguments({
  fsType,
  uuid,
  geometry,
}: {
  readonly fsType: FileSystemType;
  readonly uuid: string;
  readonly geometry: FileSystemGeometry;
}): readonly string[] {
  const { blockSize, inodeSize, bytesPerInode } = geometry;
  switch (fsType) {
    case "xfs":
      return [
        ...["-q", "-K", "-m", `uuid=${uuid}`],
        ...(blockSize === undefined ? [] : ["-b", `size=${blockSize}`]),
        ...(inodeSize === undefined ? [] : ["-i", `size=${inodeSize}`]),
      ];
    case "btrfs":
      return ["-q", "-K", "-s", "4096", "-U", uuid];
    default:
      return [
        ...["-q", "-F", "-m0", "-E", "nodiscard", "-U", uuid],
        ...(blockSize === undefined ? [] : ["-b", `${blockSize}`]),
        ...(inodeSize === undefined ? [] : ["-I", `${inodeSize}`]),
        ...(bytesPerInode === undefined ? [] : ["-i", `${bytesPerInode}`]),
      ];
  }
}
