import type { VolumeDetail } from "../api/az-volume.ts";
import { regionName } from "../azure/topology.ts";
import type { Platform } from "../platform/platform.ts";
import { isZoneRedundant } from "../volume/disk-sku.ts";

export type DiskTopology = Pick<VolumeDetail, "location" | "skuName"> & {
  /** Undefined: the disk is not made yet, and goes where its pod does. */
  readonly zones: VolumeDetail["zones"] | undefined;
  /** The platform that mounts its file system; undefined where that is unknown. */
  readonly platform: Platform | undefined;
};

/** Where a node's VM is; empty where that is unknown or it is in no zone. */
export interface NodeTopology {
  readonly location: string;
  readonly zone: string;
  /** Absent: Linux. */
  readonly platform?: Platform | undefined;
}

const PLATFORM_NAMES: Readonly<Record<Platform, string>> = { linux: "Linux", windows: "Windows" };

/**
 * Why a disk can't be used in a place; undefined if it can. It can't in other regions, nor in other zones
 * unless it is zone-redundant, nor on the other platform. Azure attaches a disk without a zone only to VMs
 * without one.
 */
export function whyUnreachable(disk: DiskTopology, node: NodeTopology): string | undefined {
  if (!isInRegionOf(disk, node)) return `is in ${node.location}, the disk in ${disk.location}`;
  if (!isInZoneOf(disk, node.zone))
    return `is in zone ${node.zone || "none"}, the disk in ${disk.zones?.join(", ") || "none"}`;
  if (disk.platform !== undefined && !isForPlatformOf(disk, node))
    return `runs ${PLATFORM_NAMES[platformOn(node)]}, the volume is for ${PLATFORM_NAMES[disk.platform]}`;
  return undefined;
}

/** Whether a node's platform mounts a disk's file system: either does where that is unknown. */
export function isForPlatformOf({ platform }: Pick<DiskTopology, "platform">, node: NodeTopology): boolean {
  return platform === undefined || platform === platformOn(node);
}

function platformOn({ platform = "linux" }: NodeTopology): Platform {
  return platform;
}

/** Whether a disk attaches in a node's region and zone, whatever platform it is for. */
export function isInPlaceOf(disk: DiskTopology, node: NodeTopology): boolean {
  return isInRegionOf(disk, node) && isInZoneOf(disk, node.zone);
}

/** A region that is not known counts as the same. */
function isInRegionOf(disk: DiskTopology, node: NodeTopology): boolean {
  if (node.location === disk.location || node.location === "" || disk.location === "") return true;
  return regionName(node.location) === regionName(disk.location);
}

/** Whether a disk attaches to VMs in this zone; an empty zone stands for VMs without one. */
export function isInZoneOf(disk: Pick<DiskTopology, "skuName" | "zones">, zone: string): boolean {
  if (disk.zones === undefined || isZoneRedundant(disk.skuName)) return true;
  return disk.zones.length === 0 ? zone === "" : disk.zones.includes(zone);
}
