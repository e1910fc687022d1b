import { diceAgain, type FaultVariant, overAtOnce, pick } from "../../fault-class.ts";
import { erase } from "../../objects/delete-by-hand.ts";
import { lostAfterFence } from "./lost-after-fence.ts";

/** How long the mount command lives, in milliseconds: until disks of other volumes have come to the node. */
const MOUNTS_FOR_MS = 190_000;
/** The volume is never at rest for longer, in milliseconds. */
const MOVES_EVERY_MS = 5_000;
/**
 * From the fence until the volume is lost, in milliseconds: longer than its disk's tags may lack the
 * fence, with time for another leader.
 */
const LOST_AFTER_MS = [95_000, 105_000] as const;

/**
 * A node is fenced with a mount command under way. From then on the volume's pod is deleted every five
 * seconds, until its AzVolume is erased. The node returns, and other volumes' disks come to it.
 */
export const lostWhileMoving: FaultVariant = {
  forMs: [185_000, 195_000],
  isDirected: true,
  begin: lostAfterFence({
    mountsForMs: MOUNTS_FOR_MS,
    lose: ({ world, later }, { volumeName, dice }, azVolumeName) => {
      const lostAfterMs = pick(LOST_AFTER_MS, diceAgain(dice, 1));
      for (let afterMs = 0; afterMs < lostAfterMs; afterMs += MOVES_EVERY_MS)
        later(afterMs, () => world.cluster.deletePod(volumeName, { isForced: false }));
      later(lostAfterMs, () => erase(world, "AzVolume", azVolumeName, true));
      return overAtOnce;
    },
  }),
};
