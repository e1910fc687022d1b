import type { FileSystemGeometry } from "../../volume/device/file-system-geometry.ts";
import type { FileSystemType } from "../../volume/device/file-system.ts";

/**
 * What newer programs make unless told otherwise and older kernels do not mount, each from the version on
 * that knows the option: large extent counts (made from xfsprogs 6.5 on; Linux 5.19), exchanged extents and
 * parent pointers (made by xfsprogs 7.2; Linux 6.10), and a btrfs's tree of block groups (made from
 * btrfs-progs 6.19 on; Linux 6.1 to write).
 */
const LEFT_OUT = {
  largeExtentCounts: { since: [5, 19], option: "nrext64=0" },
  exchangedExtents: { since: [6, 10], option: "exchange=0" },
  parentPointers: { since: [6, 10], option: "parent=0" },
  blockGroupTree: { since: [6, 19], option: "^block-group-tree" },
} as const;

/**
 * The arguments of mkfs before the device. A new disk is all zeros, so a discard first would only take time,
 * and erase the format mark. ext: no blocks reserved for root, and `-F` since no user is there to answer
 * questions. xfs and btrfs: without `-f`, so that mkfs checks once more and refuses a device that is not
 * blank. Both: without what a node with Linux 5.15 (Ubuntu 22.04) does not mount, since any node may get the
 * disk next. btrfs: with blocks that a node of any architecture mounts, whatever the page size of this one
 * is. The geometry was checked before (`geometryProblem`).
 */
export function mkfsArguments({
  fsType,
  uuid,
  version,
  geometry,
}: {
  readonly fsType: FileSystemType;
  readonly uuid: string;
  /** What `mkfs -V` of xfs and btrfs prints; of ext it is not read. */
  readonly version: string;
  readonly geometry: FileSystemGeometry;
}): readonly string[] {
  const { blockSize, inodeSize, bytesPerInode } = geometry;
  switch (fsType) {
    case "xfs": {
      const ofInodes = [
        ...known(version, LEFT_OUT.largeExtentCounts, LEFT_OUT.exchangedExtents),
        ...(inodeSize === undefined ? [] : [`size=${inodeSize}`]),
      ];
      return [
        ...["-q", "-K", "-m", `uuid=${uuid}`],
        ...(blockSize === undefined ? [] : ["-b", `size=${blockSize}`]),
        ...(ofInodes.length === 0 ? [] : ["-i", ofInodes.join(",")]),
        ...known(version, LEFT_OUT.parentPointers).flatMap((option) => ["-n", option]),
      ];
    }
    case "btrfs":
      return [
        ...["-q", "-K", "-s", "4096", "-U", uuid],
        ...known(version, LEFT_OUT.blockGroupTree).flatMap((option) => ["-O", option]),
      ];
    default:
      return [
        ...["-q", "-F", "-m0", "-E", "nodiscard", "-U", uuid],
        ...(blockSize === undefined ? [] : ["-b", `${blockSize}`]),
        ...(inodeSize === undefined ? [] : ["-I", `${inodeSize}`]),
        ...(bytesPerInode === undefined ? [] : ["-i", `${bytesPerInode}`]),
      ];
  }
}

/**
 * Those of the options that a program knows. `mkfs.xfs version 6.1.0`, or
 * `mkfs.btrfs, part of btrfs-progs v6.2`; one that is not read so is taken for an early one, which refuses an
 * option that it does not know.
 */
function known(
  version: string,
  ...features: readonly { readonly since: readonly [number, number]; readonly option: string }[]
): readonly string[] {
  const [, major = 0, minor = 0] = (/(\d+)\.(\d+)/u.exec(version) ?? []).map(Number);
  return features
    .filter(({ since }) => major > since[0] || (major === since[0] && minor >= since[1]))
    .map(({ option }) => option);
}
