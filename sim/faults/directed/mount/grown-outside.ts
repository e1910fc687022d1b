import { type FaultVariant, overAtOnce, pick } from "../../fault-class.ts";

/** When the user notices it, and requests the size that the disk has by then, in milliseconds. */
const REQUESTED_AFTER_MS = [0, 5_000, 30_000] as const;

/**
 * Another client grows a disk whose pod moves at once: its device does not have the size that the object
 * says.
 */
export const grownOutside: FaultVariant = {
  forMs: [31_000, 60_000],
  isDirected: true,
  begin: ({ world, later, grow }, { volumeName, dice }) => {
    const { cluster, azure } = world;
    const [diskUri, sizeGiB] = [cluster.diskUriOf(volumeName), cluster.sizeOf(volumeName)];
    if (diskUri === undefined || sizeGiB === undefined) return overAtOnce;
    azure.growOutside(diskUri, 2 * sizeGiB);
    cluster.deletePod(volumeName, { isForced: dice < 0.3 });
    later(pick(REQUESTED_AFTER_MS, dice), () => grow(volumeName, 2 * sizeGiB));
    return () => grow(volumeName, 2 * sizeGiB);
  },
};
