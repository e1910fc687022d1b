import { type Json, type JsonObject, numberAt, textAt } from "../api/json.ts";
import { isoTime } from "../api/resource/iso-time.ts";
import { type NamedAddress, ownerName } from "../api/resource/resource-id.ts";
import type { BackgroundCopy } from "./copy/background-copy.ts";
import { type DiskSku, hasSettablePerformance } from "./disk-sku.ts";
import { basePerformance, type Performance, performancePlusOf, tierOf } from "./disk-tier.ts";
import { type Protection, renderProtection } from "./protection.ts";

export type ProvisioningState = "Creating" | "Updating" | "Deleting" | "Succeeded" | "Failed" | "Canceled";

/** A VM that has a disk. The GUID distinguishes it from a later VM of the same name. */
export interface DiskOwner {
  readonly vmId: string;
  readonly vmGuid: string;
}

/**
 * A VM that will get a disk when its update ends. Callers don't see it: the disk still reads Unattached.
 */
interface DiskReservation extends DiskOwner {
  readonly sinceMs: number;
}

/** A granted access to a disk's or snapshot's bytes. */
export interface SasGrant {
  readonly access: string;
  readonly expiresAtMs: number;
}

/** The properties of a disk that a caller can set. */
export interface DiskSpec extends Protection {
  readonly sku: DiskSku;
  readonly sizeGiB: number;
  readonly maxShares: number;
  /** Undefined until a write states some, if none. */
  readonly tags: Readonly<Record<string, string>> | undefined;
  /** Requested by the caller; only for SKUs that allow it. */
  readonly performance?: Performance;
  /** A performance tier above that of the size. */
  readonly tier?: string;
  readonly burstingEnabled: boolean;
  /** Further properties that are stored and returned, but have no effect here. */
  readonly other: JsonObject;
}

export interface Disk extends NamedAddress {
  readonly id: string;
  readonly location: string;
  readonly zones: readonly string[];
  readonly extendedLocation?: JsonObject;
  readonly creationData: JsonObject;
  readonly uniqueId: string;
  readonly createdAtMs: number;
  readonly spec: DiskSpec;
  readonly provisioningState: ProvisioningState;
  /** The write in progress. */
  readonly operationId?: string;
  /** The body of that write, to recognise its repetition. */
  readonly pendingBody?: Json;
  readonly owners: readonly DiskOwner[];
  readonly reservations: readonly DiskReservation[];
  readonly ownershipChangedAtMs?: number;
  /** When bursting was last switched on. */
  readonly burstingEnabledAtMs?: number;
  readonly sas?: SasGrant;
  /** Its data is being moved to storage of another kind. */
  readonly conversion?: BackgroundCopy;
  /** When its SKU was changed, in the last day. */
  readonly skuChangesAtMs?: readonly number[];
  /** When its performance tier was last lowered. */
  readonly tierLoweredAtMs?: number;
  /** When its performance was changed, in the last day. */
  readonly performanceChangesAtMs?: readonly number[];
  /** Created for an upload, whose write access has not been revoked yet. */
  readonly awaitsUpload?: true;
  /** Until it has ended, the disk can be neither resized nor copied. */
  readonly copy?: BackgroundCopy;
  /** Made of an image, and never a data disk: no devices have its bytes, and a copy of it is empty. */
  readonly hasNoBytes?: true;
}

const GIB = 1_073_741_824n;

export function diskSizeBytes(sizeGiB: number): bigint {
  return BigInt(sizeGiB) * GIB;
}

/**
 * The sector size that the guest sees, in bytes: 4096 on Ultra and Premium SSD v2 unless 512 was requested,
 * 512 on all others.
 */
export function sectorSizeBytes({
  spec,
  creationData,
}: Pick<Disk, "creationData"> & { readonly spec: Pick<DiskSpec, "sku"> }): number {
  return hasSettablePerformance(spec.sku.family)
    ? (numberAt(creationData, "logicalSectorSize") ?? 4096)
    : 512;
}

/** The disk's performance, from the request, its raised tier or its size. */
function performanceOf({ spec, creationData }: Disk): Performance & { readonly tier?: string } {
  const { sizeGiB } = spec;
  const { family } = spec.sku;
  if (family === "PremiumV2" || family === "Ultra") return spec.performance ?? { iops: 0, mbps: 0 };
  const tier = tierOf({ family, sizeGiB, raised: spec.tier });
  if (tier === undefined) return { iops: 0, mbps: 0 };
  const plus = creationData["performancePlus"] === true ? performancePlusOf(family, tier) : undefined;
  return { iops: plus?.iops ?? tier.iops, mbps: plus?.mbps ?? tier.mbps, tier: tier.name };
}

/**
 * `Attached` as long as a VM that has it keeps its host, also when it is switched off. `Reserved` once all
 * are deallocated, `Frozen` if one of them has been hibernated.
 */
export type DiskState =
  | "Unattached"
  | "Attached"
  | "Reserved"
  | "Frozen"
  | "ActiveSAS"
  | "ActiveSASFrozen"
  | "ReadyToUpload"
  | "ActiveUpload";

export interface DiskView {
  readonly state: DiskState;
  /** Of a conversion, or of the copy that made it; undefined where there has been neither. */
  readonly completionPercent?: number | undefined;
}

/** What the VMs that only read a disk without tiers get together, unless a write states it: recorded. */
function readOnlyPerformance({ sku: { family }, sizeGiB }: Disk["spec"]): JsonObject {
  if (family !== "PremiumV2" && family !== "Ultra") return {};
  const { iops, mbps } = basePerformance(family, sizeGiB);
  return { diskIOPSReadOnly: iops, diskMBpsReadOnly: mbps };
}

/** What a write can state of a disk, as it is. Recorded: also the tier that none has stated. */
export function statableOf(disk: Disk): JsonObject {
  const { spec, creationData } = disk;
  const { sku, performance } = spec;
  return {
    tags: spec.tags,
    sku: { name: sku.name, tier: sku.tier },
    properties: {
      ...readOnlyPerformance(spec),
      ...spec.other,
      creationData,
      diskSizeGB: spec.sizeGiB,
      ...(performance === undefined
        ? {}
        : { diskIOPSReadWrite: performance.iops, diskMBpsReadWrite: performance.mbps }),
      ...(sku.family === "Premium" ? { tier: performanceOf(disk).tier } : {}),
      ...(spec.maxShares > 1 ? { maxShares: spec.maxShares } : {}),
    },
  };
}

/**
 * The resource as GET answers it. Azure's description has one member that begins with a capital. Recorded:
 * only Premium SSDs have a tier, and a disk that awaits its upload has no size yet.
 */
export function renderDisk(disk: Disk, view: DiskView): JsonObject {
  const { spec } = disk;
  const performance = performanceOf(disk);
  // A write that has ended leaves no body.
  const targetTier =
    disk.operationId === undefined ? undefined : textAt(disk.pendingBody, "properties", "tier");
  const shared = spec.maxShares > 1;
  const chosen = hasSettablePerformance(spec.sku.family);
  const owners = disk.owners.map(({ vmId }) => ownerName(vmId));
  return {
    name: disk.name,
    id: disk.id,
    type: "Microsoft.Compute/disks",
    location: disk.location,
    tags: spec.tags,
    ...(disk.zones.length > 0 ? { zones: disk.zones } : {}),
    extendedLocation: disk.extendedLocation,
    sku: { name: spec.sku.name, tier: spec.sku.tier },
    managedBy: owners[0],
    ...(shared && owners.length > 0 ? { managedByExtended: owners } : {}),
    properties: {
      ...readOnlyPerformance(spec),
      ...spec.other,
      creationData: chosen
        ? { ...disk.creationData, logicalSectorSize: sectorSizeBytes(disk) }
        : disk.creationData,
      ...(disk.awaitsUpload === true
        ? {}
        : { diskSizeGB: spec.sizeGiB, diskSizeBytes: Number(diskSizeBytes(spec.sizeGiB)) }),
      diskIOPSReadWrite: performance.iops,
      diskMBpsReadWrite: performance.mbps,
      ...(spec.sku.family === "Premium" ? { tier: performance.tier } : {}),
      ...(shared || chosen ? { maxShares: spec.maxShares } : {}),
      ...(shared && owners.length > 0 ? { shareInfo: owners.map((vmUri) => ({ vmUri })) } : {}),
      ...(spec.burstingEnabled ? { burstingEnabled: true } : {}),
      ...(disk.burstingEnabledAtMs === undefined
        ? {}
        : { burstingEnabledTime: isoTime(disk.burstingEnabledAtMs) }),
      ...(targetTier === undefined || targetTier === performance.tier
        ? {}
        : { propertyUpdatesInProgress: { targetTier } }),
      ...renderProtection(spec),
      timeCreated: isoTime(disk.createdAtMs),
      ...(disk.ownershipChangedAtMs === undefined
        ? {}
        : { LastOwnershipUpdateTime: isoTime(disk.ownershipChangedAtMs) }),
      provisioningState: disk.provisioningState,
      diskState: view.state,
      uniqueId: disk.uniqueId,
      completionPercent: view.completionPercent,
    },
  };
}
