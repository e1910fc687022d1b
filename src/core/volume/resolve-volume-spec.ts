import type { AzVolume, DiskSpec, VolumeCapability } from "../api/az-volume.ts";
import { choosePlacement, type TopologyRequirement } from "../azure/topology.ts";
import type { FailureOf } from "../failure/failure.ts";
import type { Result } from "../failure/result.ts";
import { fail, ok } from "../failure/result.ts";
import { checkCapabilities, isMultiNode } from "./access-modes.ts";
import type { CapacityRange } from "./capacity.ts";
import { chooseDiskSize, diskSizeMaxGib, diskSizeMinGib } from "./capacity.ts";
import { type CachingMode, type DiskSku, diskSkus } from "./disk-sku.ts";
import type { FileSystemType } from "./file-system.ts";
import { diskFieldsOf } from "./spec-fields.ts";
import type { VolumeParameters } from "./volume-parameters.ts";
import { parseFileSystemType } from "./volume-parameters.ts";

type InvalidArgument = FailureOf<"InvalidArgument">;

/** What CreateVolume stores: every choice is made, except those that depend on the disk's later size. */
export type ResolvedVolumeSpec = Pick<
  AzVolume["spec"],
  "disk" | "cachingMode" | "fsType" | "maxMountReplicaCount"
>;

const DEFAULT_FS_TYPE: FileSystemType = "ext4";
/** Azure caches no disk from 4 TiB on; its documents put the boundary at 4,095 GiB. */
const CACHED_SIZE_MAX_GIB = 4095;
const FLEXIBLE_SHARES_MAX = 15;
/** Azure's limits on shared disks by performance tier: P20/E20, P50/E50, P80/E80. */
const sharesBySize = [
  { sizeMaxGiB: 512, shares: 3 },
  { sizeMaxGiB: 4096, shares: 5 },
  { sizeMaxGiB: Number.POSITIVE_INFINITY, shares: 10 },
] as const;

/**
 * Checks a volume's parameters against its capabilities, size and topology, and resolves what they leave
 * open. The only place that does: the rest of the driver reads the spec.
 */
export function resolveVolumeSpec(request: {
  readonly parameters: VolumeParameters;
  readonly capabilities: readonly VolumeCapability[];
  readonly capacity: CapacityRange;
  readonly topology?: TopologyRequirement | undefined;
}): Result<ResolvedVolumeSpec, FailureOf<"InvalidArgument" | "OutOfRange">> {
  const { parameters, capabilities, topology } = request;
  const { skuName, maxShares, cachingMode, fsType, location } = parameters;
  const size = chooseDiskSize(request.capacity, skuName);
  if (!size.ok) return size;
  const { sizeGiB } = size.value;
  const possible = checkDisk({ skuName, sizeGiB, maxShares }, "parameters");
  if (!possible.ok) return possible;
  const supported = checkCapabilities(capabilities, maxShares);
  if (!supported.ok) return supported;
  const fsTypes = checkFileSystemTypes(parameters, capabilities);
  if (!fsTypes.ok) return fsTypes;
  const maxMountReplicaCount = replicaCount(parameters, capabilities);
  if (!maxMountReplicaCount.ok) return maxMountReplicaCount;
  const cached = chooseCachingMode({ skuName, sizeGiB, maxShares, cachingMode });
  if (!cached.ok) return cached;
  const placement = choosePlacement({ topology, skuName, location });
  if (!placement.ok) return placement;
  return ok({
    disk: { ...diskFieldsOf(parameters), ...placement.value, sizeGiB },
    ...(cachingMode === undefined ? {} : { cachingMode }),
    ...(fsType === undefined ? {} : { fsType }),
    maxMountReplicaCount: maxMountReplicaCount.value,
  });
}

/**
 * Checks that Azure can make a disk, as far as SKU, size and shares tell. Any client may have written the
 * spec. Fails with `InvalidArgument` on a field of `where`.
 */
export function checkDisk(
  disk: Pick<DiskSpec, "skuName" | "sizeGiB" | "maxShares">,
  where: "parameters" | "spec.disk",
): Result<void, InvalidArgument> {
  const { sizeGiB, maxShares } = disk;
  const skuName = diskSkus.find((sku) => sku === disk.skuName);
  const refuse = (field: string, value: string | number, problem: string): Result<never, InvalidArgument> =>
    fail({ kind: "InvalidArgument", field: `${where}.${field}`, value: String(value), problem });
  if (skuName === undefined) return refuse("skuName", disk.skuName, `must be one of ${diskSkus.join(", ")}`);
  const [minGiB, maxGiB] = [diskSizeMinGib(skuName), diskSizeMaxGib(skuName)];
  if (sizeGiB < minGiB || sizeGiB > maxGiB)
    return refuse("sizeGiB", sizeGiB, `must be from ${minGiB} to ${maxGiB} for a ${skuName} disk`);
  const sharesMax = diskSharesMax({ skuName, sizeGiB });
  return maxShares > sharesMax
    ? refuse("maxShares", maxShares, sharesProblem({ skuName, sizeGiB, sharesMax }))
    : ok(undefined);
}

/** How many VMs may share a disk of this SKU and size; 1 where Azure allows no sharing. */
export function diskSharesMax(disk: { readonly skuName: DiskSku; readonly sizeGiB: number }): number {
  if (disk.skuName === "Standard_LRS") return 1;
  if (isUncacheable(disk.skuName)) return FLEXIBLE_SHARES_MAX;
  return sharesBySize.find(({ sizeMaxGiB }) => disk.sizeGiB <= sizeMaxGiB)?.shares ?? 1;
}

/** How the host caches a disk: as requested where Azure allows it, else ReadOnly or, failing that, None. */
export function chooseCachingMode(disk: {
  readonly skuName: DiskSku;
  readonly sizeGiB: number;
  readonly maxShares: number;
  readonly cachingMode: CachingMode | undefined;
}): Result<CachingMode, InvalidArgument> {
  const obstacle = cachingObstacle(disk);
  if (obstacle === undefined) return ok(disk.cachingMode ?? "ReadOnly");
  if (disk.cachingMode === undefined || disk.cachingMode === "None") return ok("None");
  return fail(invalid("cachingMode", disk.cachingMode, `must be None or left out: ${obstacle}`));
}

/**
 * How to attach an existing disk: as `chooseCachingMode`, but a mode that became impossible (the disk has
 * grown, the volume is static) becomes None.
 */
export function cachingModeAtAttach(disk: Parameters<typeof chooseCachingMode>[0]): CachingMode {
  return cachingObstacle(disk) === undefined ? (disk.cachingMode ?? "ReadOnly") : "None";
}

/** The file system of a volume: its parameters' if they state one, else its capability's, else ext4. */
export function chooseFileSystem(
  parameters: Pick<VolumeParameters, "fsType">,
  capabilityFsType: string | undefined,
): Result<FileSystemType, InvalidArgument> {
  if (parameters.fsType !== undefined) return ok(parameters.fsType);
  const fsType = parseFileSystemType(capabilityFsType, "volume_capability.mount.fs_type");
  return fsType.ok ? ok(fsType.value ?? DEFAULT_FS_TYPE) : fsType;
}

function checkFileSystemTypes(
  parameters: VolumeParameters,
  capabilities: readonly VolumeCapability[],
): Result<void, InvalidArgument> {
  for (const { accessType, fsType } of capabilities) {
    if (accessType === "block") continue;
    const chosen = chooseFileSystem(parameters, fsType);
    if (!chosen.ok) return chosen;
  }
  return ok(undefined);
}

/**
 * One share is the writer's, the others may be replicas. A disk that several nodes use at once needs no
 * replica.
 */
function replicaCount(
  parameters: VolumeParameters,
  capabilities: readonly VolumeCapability[],
): Result<number, InvalidArgument> {
  const { maxShares, maxMountReplicaCount } = parameters;
  if (maxMountReplicaCount !== undefined && maxMountReplicaCount >= maxShares) {
    return fail(
      invalid(
        "maxMountReplicaCount",
        maxMountReplicaCount,
        `must be from 0 to maxShares - 1, which is ${maxShares - 1}; raise maxShares (${maxShares}) for more`,
      ),
    );
  }
  const isShared = capabilities.some(({ accessMode }) => isMultiNode(accessMode));
  return ok(isShared ? 0 : (maxMountReplicaCount ?? maxShares - 1));
}

function cachingObstacle(disk: {
  readonly skuName: DiskSku;
  readonly sizeGiB: number;
  readonly maxShares: number;
}): string | undefined {
  if (isUncacheable(disk.skuName)) return `Azure does not cache ${disk.skuName} disks`;
  if (disk.maxShares > 1) return `Azure does not cache shared disks (maxShares is ${disk.maxShares})`;
  if (disk.sizeGiB > CACHED_SIZE_MAX_GIB)
    return `Azure does not cache disks above ${CACHED_SIZE_MAX_GIB} GiB (this one has ${disk.sizeGiB} GiB)`;
  return undefined;
}

function isUncacheable(skuName: DiskSku): boolean {
  return skuName === "PremiumV2_LRS" || skuName === "UltraSSD_LRS";
}

function sharesProblem(disk: {
  readonly skuName: DiskSku;
  readonly sizeGiB: number;
  readonly sharesMax: number;
}): string {
  if (disk.sharesMax === 1)
    return (
      `must be 1: Azure does not share ${disk.skuName} disks; ` +
      `use a Premium, StandardSSD, PremiumV2 or Ultra SKU`
    );
  return `must be from 1 to ${disk.sharesMax} for a ${disk.skuName} disk of ${disk.sizeGiB} GiB`;
}

function invalid(name: string, value: string | number, problem: string): InvalidArgument {
  return { kind: "InvalidArgument", field: `parameters.${name}`, value: String(value), problem };
}
