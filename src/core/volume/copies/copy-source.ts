import type { DiskSpec } from "../../api/az-volume.ts";
import { isSameResourceUri } from "../../azure/ids/disk-uri.ts";
import {
  choosePlacement,
  parseZoneValue,
  regionName,
  type TopologyRequirement,
  zoneValue,
} from "../../azure/topology.ts";
import type { FailureOf } from "../../failure/failure.ts";
import { refuseArgument } from "../../failure/frequent-failures.ts";
import { fail, ok, type Result } from "../../failure/result.ts";
import { bytesToGibRoundedUp, gibToBytes } from "../../primitives/units.ts";
import type { DiskTopology } from "../../schedule/why-unreachable.ts";
import type { CapacityRange } from "../capacity.ts";
import { type DiskSku, hasLargeSectors, isSnapshotCopied, isZoneRedundant } from "../disk-sku.ts";

/** The disk or snapshot that a new disk is to be a copy of. */
export interface CopySource {
  readonly sourceUri: string;
  readonly kind: "disk" | "snapshot";
  readonly location: string;
  /** The zones that a copy can be in; empty: any of the region. */
  readonly zones: readonly string[];
  readonly sizeGiB: number;
  /** What Azure shows, which may be one GiB less than its bytes need. */
  readonly shownGiB?: number | undefined;
  readonly sectorSizeBytes: number;
  /** Of a snapshot: whether Azure still copies its content, so that only instant access makes disks. */
  readonly isBeingCopied?: boolean;
}

type InvalidArgument = FailureOf<"InvalidArgument">;

/** Sectors of this size fit every SKU. */
const SECTOR_SIZE_BYTES = 512;

/**
 * The capacity of a copy: at least its source's, also where none is stated. Fails with `OutOfRange` where a
 * smaller disk is requested. The size that Azure shows of the source is enough, though its bytes need one GiB
 * more: V1's message tells the user to request that, and V1 makes the larger disk
 * (azuredisk-csi-driver#3379).
 */
export function copyCapacity(
  { requiredBytes, limitBytes }: CapacityRange,
  { sourceUri, sizeGiB, shownGiB = sizeGiB }: CopySource,
): Result<CapacityRange, FailureOf<"OutOfRange">> {
  const sourceBytes = gibToBytes(sizeGiB);
  const tooSmall = (field: string, bytes: bigint): Result<never, FailureOf<"OutOfRange">> =>
    fail({
      kind: "OutOfRange",
      field: `capacity_range.${field}`,
      value: String(bytes),
      problem: `must be at least ${sourceBytes} bytes (${sizeGiB} GiB), the size of the source ${sourceUri}`,
    });
  if (requiredBytes > 0n && bytesToGibRoundedUp(requiredBytes) < shownGiB)
    return tooSmall("required_bytes", requiredBytes);
  if (limitBytes > 0n && limitBytes < sourceBytes) return tooSmall("limit_bytes", limitBytes);
  return ok({ requiredBytes: requiredBytes > sourceBytes ? requiredBytes : sourceBytes, limitBytes });
}

/**
 * Whether Azure makes a disk of a SKU from a source: sectors of 4 KiB need a SKU that has them, and an Ultra
 * disk is made of a snapshot only.
 */
export function checkCopySku(
  { sourceUri, kind, sectorSizeBytes }: CopySource,
  skuName: DiskSku,
): Result<void, InvalidArgument> {
  const refuse = (problem: string): Result<never, InvalidArgument> =>
    refuseArgument("parameters.skuName", skuName, problem);
  if (sectorSizeBytes > SECTOR_SIZE_BYTES && !hasLargeSectors(skuName))
    return refuse(
      `must be PremiumV2_LRS or UltraSSD_LRS: the source ${sourceUri} has sectors of ` +
        `${sectorSizeBytes} bytes`,
    );
  return kind === "disk" && skuName === "UltraSSD_LRS"
    ? refuse(`needs a snapshot as its source: Azure makes no Ultra disk of the disk ${sourceUri}`)
    : ok(undefined);
}

/**
 * Whether a source has to be complete before Azure makes that disk of it: by instant access it makes only
 * disks that are as fast, of the source's own size (Learn, Instant access snapshots for managed disks).
 */
export function needsCompleteSource(
  { isBeingCopied = false, sizeGiB }: CopySource,
  disk: Pick<DiskSpec, "skuName" | "sizeGiB">,
): boolean {
  return isBeingCopied && !(isSnapshotCopied(disk.skuName) && disk.sizeGiB === sizeGiB);
}

/**
 * The sectors of a copy, where they must be stated: of Ultra and Premium SSD v2 disks, whose default is 4096
 * bytes, and must be 512 if the source's are (Learn, Convert the disk type of a managed disk). A file system
 * is laid out for sectors, too.
 */
export function copySectors(
  { sourceUri, sectorSizeBytes }: CopySource,
  {
    skuName,
    LogicalSectorSize: stated,
  }: { readonly skuName: DiskSku; readonly LogicalSectorSize?: number | undefined },
): Result<Pick<DiskSpec, "logicalSectorSize">, InvalidArgument> {
  if (sectorSizeBytes !== SECTOR_SIZE_BYTES || !hasLargeSectors(skuName)) return ok({});
  return stated === undefined || stated === SECTOR_SIZE_BYTES
    ? ok({ logicalSectorSize: SECTOR_SIZE_BYTES })
    : refuseArgument(
        "parameters.LogicalSectorSize",
        stated,
        `must be ${SECTOR_SIZE_BYTES} or left out: so large are the sectors of the source ${sourceUri}`,
      );
}

/**
 * Region and zone of a copy: the region of its source, and of a zonal disk also its zone, unless the copy
 * is zone-redundant. Fails with `InvalidArgument` for another region, and with `CopyUnreachable` where no
 * requested topology is the source's zone.
 */
export function placeCopy(request: {
  readonly source: CopySource;
  readonly topology: TopologyRequirement | undefined;
  readonly skuName: string;
  readonly location: string | undefined;
}): Result<Pick<DiskSpec, "location" | "zone">, InvalidArgument | FailureOf<"CopyUnreachable">> {
  const { source, topology, skuName } = request;
  const location = regionName(source.location);
  if (request.location !== undefined && request.location !== location)
    return refuseArgument(
      "parameters.location",
      request.location,
      `must be ${location} or left out: Azure copies the source ${source.sourceUri} in its region only`,
    );
  const zones = zonesOfCopy(source, skuName);
  const { requisite = [], preferred = [], zonelessRegions } = topology ?? {};
  /** Undefined: not known. */
  const regionsOf = (value: string): readonly string[] | undefined => {
    const parsed = parseZoneValue(value);
    return parsed === undefined ? (value === "" ? zonelessRegions : undefined) : [parsed.location];
  };
  const isElsewhere = (value: string): boolean => regionsOf(value)?.includes(location) === false;
  const isFitting = (value: string): boolean => {
    if (isElsewhere(value)) return false;
    const parsed = parseZoneValue(value);
    // What names no zone is of nodes without zones, or `choosePlacement` refuses it.
    if (parsed === undefined) return value !== "" || zones.length === 0;
    return zones.length === 0 || zones.includes(parsed.zone);
  };
  const terms = [...preferred, ...requisite];
  if (terms.length > 0 && terms.every(isElsewhere)) {
    const regions = [...new Set(terms.flatMap((value) => regionsOf(value) ?? []))].toSorted();
    return refuseArgument(
      "volume_content_source",
      source.sourceUri,
      `is in ${location}, and Azure copies in a source's own region only: the nodes are in ` +
        regions.join(", "),
    );
  }
  if (terms.length > 0 && !terms.some(isFitting))
    return fail({
      kind: "CopyUnreachable",
      sourceUri: source.sourceUri,
      place: zones.length === 0 ? location : zones.map((zone) => `${location}-${zone}`).join(", "),
      requested: [...new Set(terms)],
    });
  if (terms.length === 0) return ok({ location, ...(zones[0] === undefined ? {} : { zone: zones[0] }) });
  const fitting = { requisite: requisite.filter(isFitting), preferred: preferred.filter(isFitting) };
  return choosePlacement({ topology: { ...fitting, zonelessRegions }, skuName, location });
}

/** The zones of its source's region that a copy of a SKU can be in; empty: all. */
function zonesOfCopy(source: Pick<CopySource, "zones">, skuName: string): readonly string[] {
  return isZoneRedundant(skuName) ? [] : source.zones;
}

/** Why a volume of one source is not the one requested of another, as a clause; undefined: it is. */
export function sourceDifference(existing: DiskSpec, requested: DiskSpec): string | undefined {
  const [presentUri, requestedUri] = [existing.sourceUri, requested.sourceUri];
  return isSameResourceUri(presentUri ?? "", requestedUri ?? "")
    ? undefined
    : `its volume_content_source is ${presentUri ?? "none"}, not ${requestedUri ?? "none"}`;
}

interface CloneTopology {
  /** From where it is reachable. */
  readonly disk: DiskTopology;
  /** The same as zone values, such as `eastus-1`; a region where any zone of it will do. */
  readonly place: string;
}

/**
 * Where the clone of a disk will be that is not made yet, as `placeCopy` places it: in the region of its
 * source and, unless it is zone-redundant, also in its zone. The clone of a disk without a zone goes to any
 * zone.
 */
export function cloneTopology(
  source: Pick<CopySource, "location" | "zones">,
  { skuName, platform }: Pick<DiskTopology, "skuName" | "platform">,
): CloneTopology {
  const location = regionName(source.location);
  const zones = zonesOfCopy(source, skuName);
  return {
    disk: { location, skuName, zones: zones.length === 0 ? undefined : zones, platform },
    place: zones.length === 0 ? location : zones.map((zone) => zoneValue({ location, zone })).join(", "),
  };
}
