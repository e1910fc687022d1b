import { invariant } from "../failure/invariant.ts";

/** Azure numbers data disks 0 to 63 on every size of VM. */
export const LUNS_MAX = 64;

/** The lowest LUNs that are neither used nor reserved for other disks; fewer than `count` on a full VM. */
export function chooseLuns(options: {
  readonly usedLuns: readonly number[];
  readonly reservedLuns: readonly number[];
  readonly dataDisksMax: number;
  readonly count: number;
}): readonly number[] {
  invariant(
    options.dataDisksMax >= 0 && options.dataDisksMax <= LUNS_MAX,
    `a VM takes 0 to ${LUNS_MAX} data disks, not ${options.dataDisksMax}`,
  );
  const used = new Set(options.usedLuns);
  const free = Array.from({ length: LUNS_MAX }, (_, lun) => lun).filter(
    (lun) => !used.has(lun) && !options.reservedLuns.includes(lun),
  );
  // A disk that is being detached also holds its LUN and its slot until the detach ends.
  const places = Math.max(0, options.dataDisksMax - used.size);
  return free.slice(0, Math.min(options.count, places));
}
