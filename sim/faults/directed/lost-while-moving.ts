import { uncordonAll } from "../cordon.ts";
import { erase } from "../delete-by-hand.ts";
import { diceAgain, type FaultContext, type FaultVariant, overAtOnce, pick } from "../fault-class.ts";
import { markOutOfService } from "../mark-out-of-service.ts";
import { backAlone } from "./back-alone.ts";
import { fencedInMount } from "./fenced-in-mount.ts";
import { idleNodeFor } from "./where-pods-are.ts";

/** How long the mount command lives, in milliseconds: until disks of other volumes have come to the node. */
const MOUNTS_FOR_MS = 190_000;
/** The volume is never at rest for longer, in milliseconds. */
const MOVES_EVERY_MS = 5_000;
/**
 * From the fence until the volume is lost, in milliseconds: longer than its disk's tags may lack the fence, with
 * room for another leader.
 */
const LOST_AFTER_MS = [95_000, 105_000] as const;
const LOOK_MS = 200;

/**
 * A pod moves to a node without pods, whose plug-in dies in the middle of the mount; the mount command lives on.
 * The node is marked and fenced. The pod is deleted every five seconds from then on, until the volume's AzVolume
 * is erased. Once there is a record again the node comes back, as the only one that takes pods: those of all other
 * volumes move there.
 */
export const lostWhileMoving: FaultVariant = {
  forMs: [185_000, 195_000],
  isDirected: true,
  begin: (context, { volumeName, dice }) => {
    const { world, later } = context;
    const { cluster } = world;
    const idle = idleNodeFor(context, volumeName);
    if (idle === undefined) return overAtOnce;
    const { target, plugin } = idle;
    const takeBack = fencedInMount(context, idle, volumeName, {
      mountsForMs: MOUNTS_FOR_MS,
      fenced: (azVolumeName) => {
        const lostAfterMs = pick(LOST_AFTER_MS, diceAgain(dice, 1));
        for (let afterMs = 0; afterMs < lostAfterMs; afterMs += MOVES_EVERY_MS) later(afterMs, () => cluster.deletePod(volumeName, { isForced: false }));
        later(lostAfterMs, () => {
          erase(world, "AzVolume", azVolumeName, true);
          whenRecorded(context, azVolumeName, () => backAlone(context, idle, volumeName));
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

/** Acts once the AzVolume that was lost has been made again, with a record. */
function whenRecorded(context: Pick<FaultContext, "world" | "later">, azVolumeName: string, act: () => void): void {
  const { world, later } = context;
  const isRecorded = world.store.objects("AzVolume").some(({ metadata, status }) => metadata.name === azVolumeName && status?.record?.foundInUse === true);
  if (isRecorded) act();
  else later(LOOK_MS, () => whenRecorded(context, azVolumeName, act));
}
