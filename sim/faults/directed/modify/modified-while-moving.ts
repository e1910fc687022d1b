import { diceAgain, type FaultVariant, overAtOnce, pick } from "../../fault-class.ts";
import { cordonOnly, uncordonAll } from "../../processes/cordon.ts";
import { runningOn } from "../mount/where-pods-are.ts";
import { goBack, otherClass } from "./other-class.ts";

/**
 * How long after its pod begins to move a volume is modified, in milliseconds: before the new node is
 * granted it, while it mounts, and after.
 */
const MODIFIED_AFTER_MS = [0, 500, 2_000, 6_000] as const;
/** From then until its user goes back to the old class, in milliseconds. */
const BACK_AFTER_MS = [50, 400, 1_500, 8_000] as const;
const BACK_SHARE = 0.5;

/** A volume is modified in the middle of a failover; its user may go back to the old class. */
export const modifiedWhileMoving: FaultVariant = {
  forMs: [10_000, 30_000],
  isDirected: true,
  begin: (context, { volumeName, dice }) => {
    const { world, later, act } = context;
    const home = runningOn(context, volumeName);
    if (home === undefined) return overAtOnce;
    cordonOnly(context, home);
    world.cluster.deletePod(volumeName, { isForced: diceAgain(dice, 1) < 0.3 });
    later(pick(MODIFIED_AFTER_MS, dice), () => {
      const volumeClass = otherClass(world, volumeName);
      act({ kind: "modify", volumeName, volumeClass });
      if (diceAgain(dice, 2) >= BACK_SHARE) return;
      later(pick(BACK_AFTER_MS, diceAgain(dice, 3)), () => goBack(context, volumeName, volumeClass));
    });
    return () => uncordonAll(context);
  },
};
