import { diceAgain, type FaultVariant, overAtOnce, pick } from "../../fault-class.ts";
import { cordonOnly, uncordonAll } from "../../processes/cordon.ts";
import { runningOn } from "../mount/where-pods-are.ts";

/**
 * How long after its pod begins to move a volume is grown, in milliseconds: before the new node is granted
 * it, while it mounts, and after.
 */
const GROWN_AFTER_MS = [0, 500, 2_000, 6_000] as const;

/** A volume is grown in the middle of a failover. */
export const grownWhileMoving: FaultVariant = {
  forMs: [10_000, 30_000],
  isDirected: true,
  begin: (context, { volumeName, dice }) => {
    const { world, later, grow } = context;
    const [home, sizeGiB] = [runningOn(context, volumeName), world.cluster.sizeOf(volumeName)];
    if (home === undefined || sizeGiB === undefined) return overAtOnce;
    cordonOnly(context, home);
    world.cluster.deletePod(volumeName, { isForced: diceAgain(dice, 1) < 0.3 });
    later(pick(GROWN_AFTER_MS, dice), () => grow(volumeName, 2 * sizeGiB));
    return () => uncordonAll(context);
  },
};
