import { isSameResourceUri } from "../../core/azure/ids/disk-uri.ts";
import type { FailureOf } from "../../core/failure/failure.ts";
import { defaultSectorSizeBytes, isZoneRedundant } from "../../core/volume/disk-sku.ts";
import { shownIdentity } from "../../core/volume/replaced-disk.ts";
import type { CreateDiskRequest, DiskFacts } from "../../ports/cloud/cloud-provisioner.ts";
import type { ArmDisk } from "../arm/arm-api.ts";
import { copyGiBOf } from "../copy-size.ts";
import { ownersOf } from "./disk-owners.ts";

const COMPLETE_PERCENT = 100;

export function diskFactsOf(disk: ArmDisk): DiskFacts {
  const copyGiB = copyGiBOf(disk);
  return {
    diskUri: disk.id,
    ...shownIdentity({ uniqueId: disk.uniqueId?.toLowerCase(), timeCreated: disk.timeCreated }),
    diskName: disk.name,
    location: disk.location,
    ...(disk.edgeZone === undefined ? {} : { edgeZone: disk.edgeZone }),
    zones: disk.zones,
    skuName: disk.skuName,
    sizeGiB: disk.diskSizeGB,
    ...(disk.diskSizeGB < copyGiB ? { copyGiB } : {}),
    maxShares: disk.maxShares,
    tags: disk.tags,
    ...progressOf(disk),
    state: disk.provisioningState,
    attachedTo: ownersOf(disk),
    sourceUri: disk.sourceId,
    ...(disk.sourceUniqueId === undefined ? {} : { sourceUniqueId: disk.sourceUniqueId.toLowerCase() }),
    diskIOPSReadWrite: disk.diskIOPSReadWrite,
    diskMBpsReadWrite: disk.diskMBpsReadWrite,
    networkAccessPolicy: disk.networkAccessPolicy,
    publicNetworkAccess: disk.publicNetworkAccess,
    sectorSizeBytes: disk.logicalSectorSize ?? defaultSectorSizeBytes(disk.skuName),
    burstingEnabled: disk.burstingEnabled,
  };
}

function progressOf({
  completionPercent: percent,
}: ArmDisk): Pick<DiskFacts, "completionPercent" | "isShownComplete"> {
  if (percent === undefined) return {};
  return percent < COMPLETE_PERCENT ? { completionPercent: percent } : { isShownComplete: true };
}

/** The work on a disk's data in the background, in which Azure refuses some changes; undefined: none. */
export function copyUnderWay({
  id,
  completionPercent: percent = COMPLETE_PERCENT,
}: ArmDisk): FailureOf<"DiskBeingCopied"> | undefined {
  return percent < COMPLETE_PERCENT ? { kind: "DiskBeingCopied", diskUri: id, percent } : undefined;
}

/** The zones of a new disk: zone-redundant ones are created without. */
export function zonesOf(request: Pick<CreateDiskRequest, "skuName" | "zone">): readonly string[] {
  return request.zone === undefined || request.zone === "" || isZoneRedundant(request.skuName)
    ? []
    : [request.zone];
}

/**
 * How a disk differs from the request under its name; undefined if it matches. Tags may differ: others
 * set them, too.
 */
export function differenceTo(
  request: CreateDiskRequest & { readonly edgeZone?: string },
  disk: ArmDisk,
): string | undefined {
  const zones = zonesOf(request).join(",");
  const { edgeZone = "" } = request;
  const differences = [
    disk.diskSizeGB === request.sizeGiB
      ? undefined
      : `size is ${disk.diskSizeGB} GiB, not ${request.sizeGiB} GiB`,
    disk.skuName.toLowerCase() === request.skuName.toLowerCase()
      ? undefined
      : `SKU is ${disk.skuName}, not ${request.skuName}`,
    disk.maxShares === request.maxShares
      ? undefined
      : `maxShares is ${disk.maxShares}, not ${request.maxShares}`,
    isSameResourceUri(disk.sourceId ?? "", request.sourceUri ?? "")
      ? undefined
      : `source is ${disk.sourceId ?? "none"}, not ${request.sourceUri ?? "none"}`,
    disk.zones.join(",") === zones
      ? undefined
      : `zone is ${disk.zones.join(",") || "none"}, not ${zones || "none"}`,
    (disk.edgeZone ?? "").toLowerCase() === edgeZone.toLowerCase()
      ? undefined
      : `edge zone is ${disk.edgeZone || "none"}, not ${edgeZone || "none"}`,
  ].filter((difference) => difference !== undefined);
  return differences.length === 0 ? undefined : differences.join("; ");
}
