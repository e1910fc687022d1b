import { type ArmFailure, armErrors } from "../api/errors.ts";
import {
  booleanAt,
  type Json,
  type JsonObject,
  merged,
  numberAt,
  objectAt,
  textAt,
  withoutMembers,
} from "../api/json.ts";
import { statedTags } from "../api/resource/stated-members.ts";
import { type DiskSku, DISK_SKU_NAMES, findDiskSku, hasSettablePerformance } from "./disk-sku.ts";
import {
  basePerformance,
  type Performance,
  performanceLimits,
  sharesMax,
  tierFor,
  tierOf,
  tiersOf,
} from "./disk-tier.ts";
import type { DiskSpec } from "./disk.ts";
import { checkProtection, DOUBLE_ENCRYPTION, protectionIn } from "./protection.ts";

const DEFAULT_SKU = "Standard_LRS";
/** On-demand bursting and performance plus exist only above this size. */
const SMALL_SIZE_MAX_GIB = 512;
/**
 * Members of `properties` that the emulator understands or sets itself. It keeps and returns the others
 * unchanged.
 */
const UNDERSTOOD = [
  "creationData",
  "diskSizeGB",
  "diskSizeBytes",
  "diskIOPSReadWrite",
  "diskMBpsReadWrite",
  "tier",
  "maxShares",
  "shareInfo",
  "burstingEnabled",
  "encryption",
  "networkAccessPolicy",
  "publicNetworkAccess",
  "diskAccessId",
  "timeCreated",
  "LastOwnershipUpdateTime",
  "provisioningState",
  "diskState",
  "uniqueId",
  "isArmResource",
  "completionPercent",
  "burstingEnabledTime",
  "propertyUpdatesInProgress",
];

/**
 * The disk that a body requests. Values that it does not mention come from the present disk, or from the
 * defaults. `sourceSizeGiB` is the size of a copy's source.
 */
export function diskSpecFrom(
  body: Json | undefined,
  previous: DiskSpec | undefined,
  sourceSizeGiB?: number,
): DiskSpec | ArmFailure {
  const skuName = textAt(body, "sku", "name") ?? previous?.sku.name ?? DEFAULT_SKU;
  const sku = findDiskSku(skuName);
  if (sku === undefined) return armErrors.notOneOf("sku.name", skuName, DISK_SKU_NAMES);
  const properties = objectAt(body, "properties") ?? {};
  const sizeGiB = numberAt(properties, "diskSizeGB") ?? previous?.sizeGiB ?? sourceSizeGiB;
  if (sizeGiB === undefined)
    return armErrors.invalidParameter("diskSizeGB", "Required parameter 'diskSizeGB' is missing (null).");
  const maxShares = numberAt(properties, "maxShares") ?? previous?.maxShares ?? 1;
  // Learn, Enable on-demand bursting: another type of disk that is not Premium switches it off, also for a
  // client that reads a disk, changes its SKU and puts it back.
  const wasBursting = previous?.burstingEnabled === true;
  const burstingEnabled =
    wasBursting && sku.family !== "Premium"
      ? false
      : (booleanAt(properties, "burstingEnabled") ?? wasBursting);
  const refused =
    checkSize(sku, sizeGiB) ??
    checkBursting(sku, { sizeGiB, maxShares, burstingEnabled }) ??
    checkPerformancePlus(
      sku,
      sizeGiB,
      previous === undefined && booleanAt(properties, "creationData", "performancePlus") === true,
    ) ??
    checkSectorSize(sku, numberAt(properties, "creationData", "logicalSectorSize")) ??
    checkProtection(properties, previous) ??
    checkDoubleEncryption(sku, textAt(protectionIn(properties, previous).encryption, "type"));
  if (refused !== undefined) return refused;

  const performance = performanceIn(properties, sku, sizeGiB, previous);
  if (performance !== undefined && "kind" in performance) return performance;
  const tier = tierIn(properties, sku, sizeGiB, previous);
  if (typeof tier === "object") return tier;
  return {
    sku,
    sizeGiB,
    maxShares,
    tags: statedTags(body, previous?.tags),
    ...(performance === undefined ? {} : { performance }),
    ...(tier === undefined ? {} : { tier }),
    burstingEnabled,
    ...protectionIn(properties, previous),
    other: merged(previous?.other ?? {}, withoutMembers(properties, UNDERSTOOD)),
  };
}

function checkSize(sku: DiskSku, sizeGiB: number): ArmFailure | undefined {
  if (Number.isInteger(sizeGiB) && sizeGiB >= sku.sizeMinGiB && sizeGiB <= sku.sizeMaxGiB) return undefined;
  return armErrors.invalidParameter(
    "diskSizeGB",
    `The value '${sizeGiB}' of parameter 'disk.diskSizeGb' is out of range. The value must be between ` +
      `'${sku.sizeMinGiB}' and '${sku.sizeMaxGiB}', inclusive.`,
  );
}

/** Why a disk of its SKU and size can't be shared by as many VMs. */
export function checkShares(
  diskName: string,
  { sku, sizeGiB, maxShares }: Pick<DiskSpec, "sku" | "sizeGiB" | "maxShares">,
): ArmFailure | undefined {
  const isAllowed =
    Number.isInteger(maxShares) && maxShares >= 1 && maxShares <= sharesMax(sku.family, sizeGiB);
  return isAllowed ? undefined : armErrors.invalidShares(diskName, sizeGiB, maxShares);
}

function checkBursting(
  sku: DiskSku,
  spec: { sizeGiB: number; maxShares: number; burstingEnabled: boolean },
): ArmFailure | undefined {
  if (!spec.burstingEnabled) return undefined;
  if (sku.family !== "Premium" || spec.sizeGiB <= SMALL_SIZE_MAX_GIB) {
    return armErrors.invalidParameter(
      "burstingEnabled",
      `On-demand bursting is supported only for Premium SSD disks larger than ${SMALL_SIZE_MAX_GIB} GiB.`,
    );
  }
  return spec.maxShares > 1
    ? armErrors.invalidParameter(
        "burstingEnabled",
        "On-demand bursting is not supported for disks with maxShares greater than one.",
      )
    : undefined;
}

function checkPerformancePlus(sku: DiskSku, sizeGiB: number, asked: boolean): ArmFailure | undefined {
  if (!asked || (sizeGiB > SMALL_SIZE_MAX_GIB && !hasSettablePerformance(sku.family))) return undefined;
  return armErrors.invalidParameter(
    "creationData.performancePlus",
    "Performance plus is supported only for Standard HDD, Standard SSD and Premium SSD disks larger than " +
      `${SMALL_SIZE_MAX_GIB} GiB.`,
  );
}

/** Learn, Enable double encryption at rest: not of Ultra and Premium SSD v2. Inferred: code and words. */
function checkDoubleEncryption(sku: DiskSku, type: string | undefined): ArmFailure | undefined {
  return type === DOUBLE_ENCRYPTION && hasSettablePerformance(sku.family)
    ? armErrors.invalidParameter(
        "encryption.type",
        `The encryption type '${type}' is not supported for a disk of type ${sku.name}.`,
      )
    : undefined;
}

function checkSectorSize(sku: DiskSku, bytes: number | undefined): ArmFailure | undefined {
  if (bytes === undefined || bytes === 512 || (bytes === 4096 && hasSettablePerformance(sku.family)))
    return undefined;
  return armErrors.invalidParameter(
    "creationData.logicalSectorSize",
    `The value '${bytes}' of parameter 'disk.creationData.logicalSectorSize' is not allowed for a disk ` +
      `of type ${sku.name}: it is 512, or 4096 for Ultra and Premium SSD v2 disks.`,
  );
}

function performanceIn(
  properties: JsonObject,
  sku: DiskSku,
  sizeGiB: number,
  previous: DiskSpec | undefined,
): Performance | ArmFailure | undefined {
  const iopsAsked = numberAt(properties, "diskIOPSReadWrite");
  const mbpsAsked = numberAt(properties, "diskMBpsReadWrite");
  const { family } = sku;
  if (family !== "PremiumV2" && family !== "Ultra") {
    // A whole resource that is sent back contains the numbers that follow from its size.
    if ((iopsAsked === undefined && mbpsAsked === undefined) || previous !== undefined) return undefined;
    return armErrors.invalidParameter(
      "diskIOPSReadWrite",
      "The parameters 'diskIOPSReadWrite' and 'diskMBpsReadWrite' can be set only for Ultra and Premium " +
        `SSD v2 disks, not for ${sku.name}.`,
    );
  }
  const base =
    previous !== undefined && hasSettablePerformance(previous.sku.family) ? previous.performance : undefined;
  const { iops: baseIops, mbps: baseMbps } = base ?? basePerformance(family, sizeGiB);
  const iops = iopsAsked ?? baseIops;
  const mbps = mbpsAsked ?? baseMbps;
  const limits = performanceLimits(family, sizeGiB, iops);
  const outOfRange = (property: string, value: number, from: number, to: number): ArmFailure =>
    armErrors.badRequest(
      `The value ${value} of parameter disk.${property} is not valid. The supported range for a ` +
        `${sku.name} disk of size ${sizeGiB} GB is between ${from} and ${to}.`,
    );
  if (iops > limits.iops || iops < limits.iopsMin)
    return outOfRange("diskIOPSReadWrite", iops, limits.iopsMin, limits.iops);
  if (mbps > limits.mbps || mbps < limits.mbpsMin)
    return outOfRange("diskMBpsReadWrite", mbps, limits.mbpsMin, limits.mbps);
  return { iops, mbps };
}

/** A raised performance tier, kept only while it is above that of the size. */
function tierIn(
  properties: JsonObject,
  sku: DiskSku,
  sizeGiB: number,
  previous: DiskSpec | undefined,
): string | ArmFailure | undefined {
  const asked = textAt(properties, "tier");
  const natural = tierFor(sku.family, sizeGiB);
  // A client that reads a disk, changes its size or SKU and puts it back repeats the tier that it has.
  const present =
    previous === undefined
      ? undefined
      : tierOf({ family: previous.sku.family, sizeGiB: previous.sizeGiB, raised: previous.tier });
  if (asked === undefined || asked === present?.name) {
    const kept = tierOf({ family: sku.family, sizeGiB, raised: previous?.tier });
    return kept?.name === natural?.name ? undefined : kept?.name;
  }
  if (asked === natural?.name) return undefined;
  const tiers = tiersOf(sku.family);
  const raised = tiers.find((tier) => tier.name === asked);
  const isLarge = sizeGiB > 4096;
  const allowed =
    sku.family === "Premium" &&
    raised !== undefined &&
    natural !== undefined &&
    raised.sizeMaxGiB > natural.sizeMaxGiB &&
    raised.sizeMaxGiB > 4096 === isLarge;
  if (allowed) return raised.name;
  return armErrors.invalidParameter(
    "tier",
    `The performance tier '${asked}' is not allowed for a disk of type ${sku.name} with ${sizeGiB} GiB.`,
  );
}
