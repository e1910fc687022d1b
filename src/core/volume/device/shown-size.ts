import type { VolumeDetail } from "../../api/az-volume.ts";

/** A disk's size as Azure shows it, with the disk's `provisioningState`. */
export interface ShownSize {
  readonly sizeGiB: number;
  readonly state: string;
}

/**
 * What is recorded of a disk once Azure shows its size. A growth that Azure has failed, or still carries out,
 * may show its size: the disk has that or the one before. Only one that has succeeded is recorded as the
 * disk's, since csi-resizer is answered by it, and recorded sizes never shrink.
 */
export function withShownSize(detail: VolumeDetail, { sizeGiB, state }: ShownSize): VolumeDetail {
  const { unconfirmedGiB: _, ...known } = detail;
  if (sizeGiB <= known.sizeGiB) return known;
  return state === "Succeeded" ? { ...known, sizeGiB } : { ...known, unconfirmedGiB: sizeGiB };
}

/** The sizes that a volume's disk may have, in GiB, from the smallest. */
export function possibleSizes({
  sizeGiB,
  unconfirmedGiB,
}: Pick<VolumeDetail, "sizeGiB" | "unconfirmedGiB">): readonly number[] {
  return unconfirmedGiB === undefined || unconfirmedGiB <= sizeGiB ? [sizeGiB] : [sizeGiB, unconfirmedGiB];
}
