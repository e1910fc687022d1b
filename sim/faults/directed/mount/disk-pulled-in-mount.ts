import { diceAgain, type FaultVariant, overAtOnce, pick } from "../../fault-class.ts";
import { cordonAllBut, cordonOnly, uncordonAll } from "../../processes/cordon.ts";
import { dieInMount } from "../../processes/die-in-mount.ts";
import { markOutOfService } from "../../processes/mark-out-of-service.ts";
import { idleNodeFor } from "./where-pods-are.ts";

const SEEN_MS = 500;
/** How long the mount command takes, in milliseconds, besides the time for which its machine is frozen. */
const MOUNTS_FOR_MS = 25_000;
const PULLED_AFTER_MS = 1_500;
/** How long the attach that brings the disk back is under way, in milliseconds. */
const UNDER_WAY_MS = [25_000, 35_000] as const;
const THAWS_AFTER_MS = 4_000;
const BACK_FOR_MS = 20_000;

/**
 * A pod moves to a node without pods, whose plug-in dies in the middle of the mount; the mount command
 * survives. Another client detaches the disk, and the attach that is to return it is under way for long;
 * in this time the machine freezes, and is marked and fenced. It thaws when the attach has arrived.
 */
export const diskPulledInMount: FaultVariant = {
  forMs: [110_000, 120_000],
  isDirected: true,
  begin: (context, { volumeName, dice }) => {
    const { world, later, toRestart } = context;
    const { cluster, azure } = world;
    const diskUri = cluster.diskUriOf(volumeName);
    const idle = idleNodeFor(context, volumeName);
    if (diskUri === undefined || idle === undefined) return overAtOnce;
    const { target, plugin } = idle;
    const underWayMs = pick(UNDER_WAY_MS, diceAgain(dice, 1));
    let isPulled = false;
    let isStruck = false;
    const stop = azure.delayUpdates(({ nodeName }) => {
      if (!isPulled || isStruck || nodeName !== target) return 0;
      isStruck = true;
      later(1, () => {
        azure.freeze(target);
        cordonOnly(context, target);
        markOutOfService(context, target, true);
        later(SEEN_MS, () => cluster.deletePod(volumeName, { isForced: true }));
      });
      later(underWayMs + THAWS_AFTER_MS, () => azure.thaw(target));
      later(underWayMs + THAWS_AFTER_MS + BACK_FOR_MS, () => markOutOfService(context, target, false));
      return underWayMs;
    });
    const takeBack = plugin.strikeAt({ step: "mount", nth: 1, moment: "before" }, () => {
      dieInMount(context, target, { mountsForMs: MOUNTS_FOR_MS });
      later(SEEN_MS, () => plugin.start());
      later(PULLED_AFTER_MS, () => {
        toRestart(volumeName);
        azure.detachOutside(target, diskUri);
        isPulled = true;
      });
    });
    cordonAllBut(context, target);
    later(SEEN_MS, () => cluster.deletePod(volumeName, { isForced: false }));
    return () => {
      stop();
      takeBack();
      plugin.start();
      azure.thaw(target);
      markOutOfService(context, target, false);
      uncordonAll(context);
    };
  },
};
