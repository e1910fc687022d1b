/**
 * The simulation's VolumeAttributesClasses. Users go from one of a pair to the other, and back: who may
 * export a disk's data, or the throughput of a disk whose SKU lets it be set.
 */
export type VolumeClass = "open" | "closed" | "slow" | "fast";

/** What a disk of a class has, besides its users' tag. */
export interface ClassFields {
  readonly networkAccessPolicy?: "AllowAll" | "DenyAll";
  /** MB/s. */
  readonly mbps?: number;
  readonly tag: string;
}

/** Throughputs that Premium SSD v2 has at every size, with the 3,000 IOPS that come with it. */
const fields: Readonly<Record<VolumeClass, ClassFields>> = {
  open: { networkAccessPolicy: "AllowAll", tag: "open" },
  closed: { networkAccessPolicy: "DenyAll", tag: "closed" },
  slow: { mbps: 125, tag: "slow" },
  fast: { mbps: 200, tag: "fast" },
};

const others: Readonly<Record<VolumeClass, VolumeClass>> = {
  open: "closed",
  closed: "open",
  slow: "fast",
  fast: "slow",
};

/** The name of the tag that the classes set. */
export const CLASS_TAG = "class";

/** What a disk of that class has. */
export function fieldsOf(volumeClass: VolumeClass): ClassFields {
  return fields[volumeClass];
}

/** The parameters of a class, as ControllerModifyVolume is given them. */
export function mutableParametersOf(volumeClass: VolumeClass): Readonly<Record<string, string>> {
  const { networkAccessPolicy, mbps, tag } = fields[volumeClass];
  return {
    ...(networkAccessPolicy === undefined ? {} : { networkAccessPolicy }),
    ...(mbps === undefined ? {} : { DiskMBpsReadWrite: String(mbps) }),
    tags: `${CLASS_TAG}=${tag}`,
  };
}

/** The other class of its pair. */
export function otherThan(volumeClass: VolumeClass): VolumeClass {
  return others[volumeClass];
}
