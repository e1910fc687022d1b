import { diceAgain, type FaultContext, type FaultVariant, overAtOnce, pick } from "../../fault-class.ts";
import { erase } from "../../objects/delete-by-hand.ts";
import { cordonAllBut, uncordonAll } from "../../processes/cordon.ts";
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
/** How long pods of other volumes go to that node alone, in milliseconds. */
const GO_THERE_FOR_MS = 20_000;

/**
 * A pod moves to a node without pods, whose plug-in dies in the middle of the mount; the mount command
 * survives. The node is marked and fenced, and then the volume's AzVolume is lost; the plug-in recovers.
 */
export const recordLostAfterFence: FaultVariant = lostAfterFence(uncordonAll);

/** The same, and pods of other volumes then go to that node: their disks may get the number of this one's. */
export const numberGivenAway: FaultVariant = lostAfterFence((context, target, volumeName) => {
  const { cluster } = context.world;
  cordonAllBut(context, target);
  for (const pod of cluster.pods())
    if (pod.volumeName !== volumeName) cluster.deletePod(pod.volumeName, { isForced: false });
  context.later(GO_THERE_FOR_MS, () => uncordonAll(context));
});

function lostAfterFence(
  thenPlace: (context: FaultContext, target: string, volumeName: string) => void,
): FaultVariant {
  return {
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
            thenPlace(context, target, volumeName);
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
}
