import { diceAgain, type FaultVariant, overAtOnce, pick } from "../../fault-class.ts";
import { uncordonAll } from "../../processes/cordon.ts";
import { markOutOfService } from "../../processes/mark-out-of-service.ts";
import { fencedInMount } from "../mount/fenced-in-mount.ts";
import { idleNodeFor } from "../mount/where-pods-are.ts";
import { backAlone } from "../node/back-alone.ts";

/** How long the mount command lives, in milliseconds: until disks of other volumes have come to the node. */
const MOUNTS_FOR_MS = [40_000, 60_000] as const;
const BACK_AFTER_MS = [300, 3_000] as const;

/**
 * A pod moves to a node without pods, whose plug-in dies in the middle of the mount; the mount command
 * survives. The node is marked and fenced, and returns right after that, as the only schedulable one: the
 * pods of all other volumes move there.
 */
export const backAfterFence: FaultVariant = {
  forMs: [80_000, 100_000],
  isDirected: true,
  begin: (context, { volumeName, dice }) => {
    const { later } = context;
    const idle = idleNodeFor(context, volumeName);
    if (idle === undefined) return overAtOnce;
    const { target, plugin } = idle;
    const takeBack = fencedInMount(context, idle, volumeName, {
      mountsForMs: pick(MOUNTS_FOR_MS, dice),
      fenced: () => {
        later(pick(BACK_AFTER_MS, diceAgain(dice, 1)), () => backAlone(context, idle, volumeName));
      },
    });
    return () => {
      takeBack();
      plugin.start();
      markOutOfService(context, target, false);
      uncordonAll(context);
    };
  },
};
