import { diceAgain, type FaultVariant, overAtOnce, pick } from "../../fault-class.ts";
import { erase } from "../../objects/delete-by-hand.ts";
import { uncordonAll } from "../../processes/cordon.ts";
import { markOutOfService } from "../../processes/mark-out-of-service.ts";
import { fencedInMount } from "./fenced-in-mount.ts";
import { idleNodeFor } from "./where-pods-are.ts";

/**
 * How long the mount command lives, in milliseconds: beyond the fence, the loss, and the return of the
 * disk.
 */
const MOUNTS_FOR_MS = [60_000, 90_000] as const;
const LOST_AFTER_MS = [300, 2_000] as const;
const BACK_AFTER_MS = 3_000;

/**
 * A pod moves to a node without pods, whose plug-in dies in the middle of the mount; the mount command
 * survives. The node is marked and fenced, and then the volume's AzVolume is lost; the plug-in recovers.
 */
export const recordLostAfterFence: FaultVariant = {
  forMs: [130_000, 150_000],
  isDirected: true,
  begin: (context, { volumeName, dice }) => {
    const { world, later } = context;
    // Other volumes that are fenced there, or are attached there later, would obstruct this one's disk, or
    // replace it.
    const idle = idleNodeFor(context, volumeName);
    if (idle === undefined) return overAtOnce;
    const { target, plugin } = idle;
    const takeBack = fencedInMount(context, idle, volumeName, {
      mountsForMs: pick(MOUNTS_FOR_MS, dice),
      fenced: (azVolumeName) => {
        later(pick(LOST_AFTER_MS, diceAgain(dice, 2)), () => {
          erase(world, "AzVolume", azVolumeName, diceAgain(dice, 3) < 0.5);
          markOutOfService(context, target, false);
        });
        later(BACK_AFTER_MS, () => {
          plugin.start();
          uncordonAll(context);
        });
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
