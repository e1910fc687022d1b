import { type FaultVariant, overAtOnce, pick } from "../../fault-class.ts";
import { cordonAll, uncordonAll } from "../../processes/cordon.ts";
import { runningOn } from "../mount/where-pods-are.ts";

/**
 * How long after its pod was deleted a volume is grown, in milliseconds: its node has released it, and every
 * controller knows the next pod.
 */
const GROWN_AFTER_MS = [8_000, 12_000, 16_000] as const;

/** A volume is grown while its pod finds no node, so that nothing but the pod shows that it is needed. */
export const grownWhileWaiting: FaultVariant = {
  forMs: [25_000, 45_000],
  isDirected: true,
  begin: (context, { volumeName, dice }) => {
    const { world, later, grow } = context;
    const [home, sizeGiB] = [runningOn(context, volumeName), world.cluster.sizeOf(volumeName)];
    if (home === undefined || sizeGiB === undefined) return overAtOnce;
    cordonAll(context);
    world.cluster.deletePod(volumeName, { isForced: false });
    later(pick(GROWN_AFTER_MS, dice), () => grow(volumeName, 2 * sizeGiB));
    return () => uncordonAll(context);
  },
};
