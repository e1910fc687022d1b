import type { AzVolume, VolumeCapability } from "../../api/az-volume.ts";
import { choosePlacement, type TopologyRequirement } from "../../azure/topology.ts";
import type { FailureOf } from "../../failure/failure.ts";
import { refuseArgument } from "../../failure/frequent-failures.ts";
import { ok, type Result } from "../../failure/result.ts";
import { defaultFileSystems } from "../../platform/platform.ts";
import { sharedOnWindows } from "../../platform/unserved-on.ts";
import { checkCapabilities, isMultiNode } from "../access-modes.ts";
import { type CapacityRange, chooseDiskSize } from "../capacity.ts";
import { checkDisk } from "../check-disk.ts";
import {
  checkCopySku,
  copyCapacity,
  copySectors,
  type CopySource,
  placeCopy,
} from "../copies/copy-source.ts";
import { geometryNames, geometryProblem, rawGeometryProblem } from "../device/file-system-geometry.ts";
import { type FileSystemType, isOfWindows } from "../device/file-system.ts";
import { defaultPerformance } from "../disk-performance.ts";
import { type CachingMode, defaultSectorSizeBytes, type DiskSku } from "../disk-sku.ts";
import { isCacheable, skuRules } from "../sku-rules.ts";
import { refuseParameter } from "./parameter-value.ts";
import { diskFieldsOf, parseFileSystemType, type VolumeParameters } from "./volume-parameters.ts";

type InvalidArgument = FailureOf<"InvalidArgument">;

/** What CreateVolume stores: every choice is made, except those that depend on the disk's later size. */
type ResolvedVolumeSpec = Pick<
  AzVolume["spec"],
  "disk" | "cachingMode" | "writeAcceleratorEnabled" | "fsType" | "maxMountReplicaCount"
>;

/** What decides how the host caches a disk. */
interface CachedDisk {
  readonly skuName: DiskSku;
  readonly sizeGiB: number;
  readonly maxShares: number;
  /** Undefined: not stated. */
  readonly cachingMode: CachingMode | undefined;
}

/**
 * Checks a volume's parameters against its capabilities, size and topology, and resolves what they leave
 * open. The only place that does: the rest of the driver reads the spec.
 */
export function resolveVolumeSpec(request: {
  readonly parameters: VolumeParameters;
  readonly capabilities: readonly VolumeCapability[];
  readonly capacity: CapacityRange;
  readonly topology?: TopologyRequirement | undefined;
  /** Undefined: the disk is made empty. */
  readonly source?: CopySource | undefined;
}): Result<ResolvedVolumeSpec, FailureOf<"InvalidArgument" | "OutOfRange" | "CopyUnreachable">> {
  const { parameters, capabilities, topology, source } = request;
  const { skuName, maxShares, cachingMode, fsType, writeAcceleratorEnabled, location } = parameters;
  const capacity = source === undefined ? ok(request.capacity) : copyCapacity(request.capacity, source);
  if (!capacity.ok) return capacity;
  const size = chooseDiskSize(capacity.value, parameters);
  if (!size.ok) return size;
  const { sizeGiB } = size.value;
  const stated = { ...diskFieldsOf(parameters), sizeGiB };
  const disk = { ...stated, ...defaultPerformance(skuName, sizeGiB, stated) };
  const possible = checkDisk(disk, "parameters");
  if (!possible.ok) return possible;
  const copyable = source === undefined ? ok(undefined) : checkCopySku(source, skuName);
  if (!copyable.ok) return copyable;
  const sectors = source === undefined ? ok({}) : copySectors(source, parameters);
  if (!sectors.ok) return sectors;
  const supported = checkCapabilities(capabilities, maxShares);
  if (!supported.ok) return supported;
  const fsTypes = checkFileSystemTypes(parameters, capabilities, sizeGiB);
  if (!fsTypes.ok) return fsTypes;
  const maxMountReplicaCount = replicaCount(parameters, capabilities);
  if (!maxMountReplicaCount.ok) return maxMountReplicaCount;
  const cached = chooseCachingMode({ skuName, sizeGiB, maxShares, cachingMode });
  if (!cached.ok) return cached;
  const accelerated = checkWriteAccelerator(parameters);
  if (!accelerated.ok) return accelerated;
  const tunable = checkProfile(parameters, capabilities);
  if (!tunable.ok) return tunable;
  const placement =
    source === undefined
      ? choosePlacement({ topology, skuName, location })
      : placeCopy({ source, topology, skuName, location });
  if (!placement.ok) return placement;
  return ok({
    disk: {
      ...disk,
      ...sectors.value,
      ...placement.value,
      ...(source === undefined ? {} : { sourceUri: source.sourceUri }),
    },
    ...(cachingMode === undefined ? {} : { cachingMode }),
    ...(fsType === undefined ? {} : { fsType }),
    ...(writeAcceleratorEnabled === undefined ? {} : { writeAcceleratorEnabled }),
    maxMountReplicaCount: maxMountReplicaCount.value,
  });
}

/**
 * How the host caches a new disk: as requested where Azure allows it, else ReadOnly or, failing that, None.
 * Refuses a class that asks for a cache of disks that never have one. Its claims decide the size: a disk that
 * is too large is not cached, as by V1.
 */
export function chooseCachingMode(disk: CachedDisk): Result<CachingMode, InvalidArgument> {
  const { skuName, maxShares, cachingMode = "None" } = disk;
  const refuse = (problem: string): Result<never, InvalidArgument> =>
    refuseParameter("cachingMode", cachingMode, `must be None or left out: ${problem}`);
  if (cachingMode !== "None" && skuRules[skuName].cachedMaxGiB === 0)
    return refuse(`Azure does not cache ${skuName} disks`);
  if (cachingMode !== "None" && maxShares > 1)
    return refuse(`Azure does not cache shared disks (maxShares is ${maxShares})`);
  return ok(cachingModeAtAttach(disk));
}

/**
 * How to attach an existing disk: as requested, but a mode that is impossible (the disk is too large or has
 * become so, the volume is static) becomes None.
 */
export function cachingModeAtAttach({ skuName, sizeGiB, maxShares, cachingMode }: CachedDisk): CachingMode {
  const isCached = isCacheable({ skuName, maxShares }) && sizeGiB <= skuRules[skuName].cachedMaxGiB;
  return isCached ? (cachingMode ?? "ReadOnly") : "None";
}

/** The file system of a volume: its parameters' if they state one, else its capability's, else ext4. */
export function chooseFileSystem(
  parameters: Pick<VolumeParameters, "fsType">,
  capabilityFsType: string | undefined,
): Result<FileSystemType, InvalidArgument> {
  if (parameters.fsType !== undefined) return ok(parameters.fsType);
  const fsType = parseFileSystemType(capabilityFsType, "volume_capability.mount.fs_type");
  return fsType.ok ? ok(fsType.value ?? defaultFileSystems.linux) : fsType;
}

function checkFileSystemTypes(
  parameters: VolumeParameters,
  capabilities: readonly VolumeCapability[],
  sizeGiB: number,
): Result<void, InvalidArgument> {
  const { blockSize, inodeSize, bytesPerInode, skuName, LogicalSectorSize } = parameters;
  const geometry = { blockSize, inodeSize, bytesPerInode };
  const stated = geometryNames.find((name) => geometry[name] !== undefined);
  for (const { accessType, fsType } of capabilities) {
    if (accessType === "block") {
      if (stated !== undefined) return refuseParameter(stated, geometry[stated] ?? "", rawGeometryProblem);
      continue;
    }
    const chosen = chooseFileSystem(parameters, fsType);
    if (!chosen.ok) return chosen;
    const shared = sharedOnWindows(chosen.value, parameters.maxShares);
    if (shared !== undefined) return refuseParameter("maxShares", parameters.maxShares, shared);
    const impossible = geometryProblem({
      fsType: chosen.value,
      geometry,
      sizeGiB,
      sectorBytes: LogicalSectorSize ?? defaultSectorSizeBytes(skuName),
    });
    if (impossible !== undefined) {
      const { name, value, problem } = impossible;
      return refuseParameter(name, value, problem);
    }
  }
  return ok(undefined);
}

/**
 * One share is the writer's, the others may be replicas. A disk that several nodes use at once has them only
 * where its class asks for them: without, each share is for a pod.
 */
function replicaCount(
  parameters: VolumeParameters,
  capabilities: readonly VolumeCapability[],
): Result<number, InvalidArgument> {
  const { maxShares, maxMountReplicaCount } = parameters;
  if (maxMountReplicaCount !== undefined && maxMountReplicaCount >= maxShares) {
    return refuseParameter(
      "maxMountReplicaCount",
      maxMountReplicaCount,
      `must be from 0 to maxShares - 1, which is ${maxShares - 1}; raise maxShares (${maxShares}) for more`,
    );
  }
  const isShared = capabilities.some(({ accessMode }) => isMultiNode(accessMode));
  return ok(maxMountReplicaCount ?? (isShared ? 0 : maxShares - 1));
}

/** Azure takes write accelerator for unshared Premium disks that the host does not cache for writes. */
function checkWriteAccelerator(parameters: VolumeParameters): Result<void, InvalidArgument> {
  const { writeAcceleratorEnabled, skuName, maxShares, cachingMode } = parameters;
  if (writeAcceleratorEnabled !== true) return ok(undefined);
  const refuse = (problem: string): Result<never, InvalidArgument> =>
    refuseArgument("parameters.writeAcceleratorEnabled", "true", problem);
  if (skuRules[skuName].isAccelerated !== true)
    return refuse(`is possible for Premium_LRS and Premium_ZRS disks, not for ${skuName}`);
  if (maxShares > 1) return refuse(`needs a disk that is not shared, and maxShares is ${maxShares}`);
  return cachingMode === "ReadWrite" ? refuse("needs cachingMode None or ReadOnly") : ok(undefined);
}

/** `basic` has values for SSDs with tiers, and no effect on others, as in V1. Windows has no settings. */
function checkProfile(
  parameters: VolumeParameters,
  capabilities: readonly VolumeCapability[],
): Result<void, InvalidArgument> {
  const { perfProfile } = parameters;
  if (perfProfile === undefined || perfProfile === "none") return ok(undefined);
  const onWindows = capabilities.find(({ accessType, fsType }) => {
    const chosen = chooseFileSystem(parameters, fsType);
    return accessType === "mount" && chosen.ok && isOfWindows(chosen.value);
  });
  return onWindows === undefined
    ? ok(undefined)
    : refuseParameter(
        "perfProfile",
        perfProfile,
        "must be none or left out: Windows has no such settings of a disk",
      );
}
