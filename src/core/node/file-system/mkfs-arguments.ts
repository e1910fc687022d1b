import type { FileSystemGeometry } from "../../volume/device/file-system-geometry.ts";
import type { FileSystemType } from "../../volume/device/file-system.ts";

/** The first xfsprogs that knows large extent counts: major and minor number. From 6.5 on it makes them. */
const NREXT64_SINCE = [5, 19] as const;

/**
 * The arguments of mkfs before the device. A new disk is all zeros, so a discard first would only take time,
 * and erase the format mark. ext: no blocks reserved for root, and `-F` since no user is there to answer
 * questions. xfs and btrfs: without `-f`, so that mkfs checks once more and refuses a device that is not
 * blank. xfs: without large extent counts, since Linux before 5.19 mounts none with them (nodes of Ubuntu
 * 22.04 have 5.15), and any node may get the disk next. btrfs: with blocks that a node of any architecture
 * mounts, whatever the page size of this one is. The geometry was checked before (`geometryProblem`).
 */
export function mkfsArguments({
  fsType,
  uuid,
  version,
  geometry,
}: {
  readonly fsType: FileSystemType;
  readonly uuid: string;
  /** What `mkfs.xfs -V` prints; of the others it is not read. */
  readonly version: string;
  readonly geometry: FileSystemGeometry;
}): readonly string[] {
  const { blockSize, inodeSize, bytesPerInode } = geometry;
  switch (fsType) {
    case "xfs": {
      const ofInodes = [
        ...(knowsLargeExtentCounts(version) ? ["nrext64=0"] : []),
        ...(inodeSize === undefined ? [] : [`size=${inodeSize}`]),
      ];
      return [
        ...["-q", "-K", "-m", `uuid=${uuid}`],
        ...(blockSize === undefined ? [] : ["-b", `size=${blockSize}`]),
        ...(ofInodes.length === 0 ? [] : ["-i", ofInodes.join(",")]),
      ];
    }
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

/** `mkfs.xfs version 6.1.0`; one that is not read so is taken for an early one, which refuses the option. */
function knowsLargeExtentCounts(version: string): boolean {
  const [, major = 0, minor = 0] = (/\b(\d+)\.(\d+)/u.exec(version) ?? []).map(Number);
  const [sinceMajor, sinceMinor] = NREXT64_SINCE;
  return major > sinceMajor || (major === sinceMajor && minor >= sinceMinor);
}
