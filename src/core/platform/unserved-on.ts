import type { FailureOf } from "../failure/failure.ts";
import { invalidArgument } from "../failure/frequent-failures.ts";
import {
  isOfWindows,
  linuxFileSystemTypes,
  windowsFileSystemTypes,
  type FileSystemType,
} from "../volume/device/file-system.ts";
import { partitionOf } from "../volume/device/partition.ts";
import type { Platform } from "./platform.ts";

/** What a node is asked to stage or publish. */
export interface NodeUse {
  readonly accessType: "block" | "mount";
  /** Without meaning for raw block. */
  readonly fsType: FileSystemType;
  readonly mountFlags: readonly string[];
  readonly readOnly: boolean;
  readonly volumeContext?: Readonly<Record<string, string>>;
  /** How many VMs may share the disk; undefined where that was checked before. */
  readonly maxShares?: number;
}

/** Why a node of that platform can't serve a volume as requested; undefined if it can. */
export function unservedOn(platform: Platform, use: NodeUse): FailureOf<"InvalidArgument"> | undefined {
  if (use.accessType === "block")
    return platform === "linux"
      ? undefined
      : invalidArgument(
          "volume_capability",
          "block",
          "a Windows node serves no raw block volume: use volumeMode Filesystem",
        );
  if (isOfWindows(use.fsType) !== (platform === "windows")) {
    const [here, there] =
      platform === "windows" ? ["Windows", windowsFileSystemTypes] : ["Linux", linuxFileSystemTypes];
    return invalidArgument(
      "fsType",
      use.fsType,
      `this node runs ${here} and mounts ${there.join(", ")}: run the pod on the other platform's nodes ` +
        `(nodeSelector kubernetes.io/os)`,
    );
  }
  if (platform === "linux") return undefined;
  const shared = sharedOnWindows(use.fsType, use.maxShares ?? 1);
  if (shared !== undefined) return invalidArgument("maxShares", String(use.maxShares), shared);
  const partition = partitionOf(use.volumeContext ?? {});
  if (partition !== undefined)
    return invalidArgument(
      "volume_context.partition",
      String(partition),
      "a Windows node finds the one data partition of a disk itself: leave it out",
    );
  const [flag] = use.mountFlags;
  if (flag !== undefined)
    return invalidArgument("mount_flags", flag, "Windows has no mount options: leave mountOptions out");
  return use.readOnly
    ? invalidArgument(
        "readonly",
        "true",
        "Windows can't mount a volume read-only: set readOnly on the container's mount",
      )
    : undefined;
}

/**
 * Why a disk with a file system of Windows can't be shared; undefined if it can be. Windows brings a disk
 * online and mounts its volumes as soon as it sees it, which writes to them: a replica would be a second
 * writer.
 */
export function sharedOnWindows(fsType: FileSystemType, maxShares: number): string | undefined {
  return isOfWindows(fsType) && maxShares > 1
    ? `must be 1 with fsType ${fsType}: Windows mounts each disk that it sees, so a replica would write to it`
    : undefined;
}
