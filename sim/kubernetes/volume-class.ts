/**
 * The simulation's VolumeAttributesClasses. Users go from one of a pair to the other, and back: who may
 * export a disk's data, the performance of a disk whose SKU lets it be set, or the SKU. From `converted`
 * there is a way back only until Azure has begun the conversion.
 */
export type VolumeClass = "open" | "closed" | "slow" | "fast" | "premium" | "converted";

/** What a disk of a class has, besides its users' tag. */
export interface ClassFields {
  readonly networkAccessPolicy?: "AllowAll" | "DenyAll";
  readonly skuName?: "Premium_LRS" | "PremiumV2_LRS";
  readonly iops?: number;
  /** MB/s. */
  readonly mbps?: number;
  readonly tag: string;
}

/** Premium SSD v2 has the IOPS of `fast` from 8 GiB on, and those of `slow` at every size. */
const fields: Readonly<Record<VolumeClass, ClassFields>> = {
  open: { networkAccessPolicy: "AllowAll", tag: "open" },
  closed: { networkAccessPolicy: "DenyAll", tag: "closed" },
  slow: { iops: 3_000, mbps: 125, tag: "slow" },
  fast: { iops: 4_000, mbps: 200, tag: "fast" },
  premium: { skuName: "Premium_LRS", tag: "premium" },
  converted: { skuName: "PremiumV2_LRS", tag: "converted" },
};

const others: Readonly<Record<VolumeClass, VolumeClass>> = {
  open: "closed",
  closed: "open",
  slow: "fast",
  fast: "slow",
  premium: "converted",
  converted: "premium",
};

/** The name of the tag that the classes set. */
export const CLASS_TAG = "class";

/** What a disk of that class has. */
export function fieldsOf(volumeClass: VolumeClass): ClassFields {
  return fields[volumeClass];
}

/** The parameters of a class, as ControllerModifyVolume is given them. */
export function mutableParametersOf(volumeClass: VolumeClass): Readonly<Record<string, string>> {
  const { networkAccessPolicy, skuName, iops, mbps, tag } = fields[volumeClass];
  return {
    ...(networkAccessPolicy === undefined ? {} : { networkAccessPolicy }),
    ...(skuName === undefined ? {} : { skuName }),
    ...(iops === undefined ? {} : { DiskIOPSReadWrite: String(iops) }),
    ...(mbps === undefined ? {} : { DiskMBpsReadWrite: String(mbps) }),
    tags: `${CLASS_TAG}=${tag}`,
  };
}

/** The other class of its pair. */
export function otherThan(volumeClass: VolumeClass): VolumeClass {
  return others[volumeClass];
}
