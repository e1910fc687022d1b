import { type FaultVariant, leaderOf, overAtOnce } from "../../fault-class.ts";
import { cordonAllBut, uncordonAll } from "../../processes/cordon.ts";
import { runningOn } from "../mount/where-pods-are.ts";

const SEEN_MS = 500;
/** How long the delete is under way, in milliseconds: the next leader has granted the volume by then. */
const UNDER_WAY_MS = 30_000;
/** From the pod's deletion until the leader has sent the delete, in milliseconds. */
const SENT_AFTER_MS = 3_000;
const RESTART_MS = 2_000;

/**
 * A leader dies after it has sent the delete of an unrequested attachment; the delete is under way for
 * long. In this time the pod returns to that node, and the next leader grants it.
 */
export const killedWhileDeleting: FaultVariant = {
  forMs: [45_000, 50_000],
  isDirected: true,
  begin: (context, { volumeName }) => {
    const { world, later } = context;
    const { cluster } = world;
    const home = runningOn(context, volumeName);
    if (home === undefined) return overAtOnce;
    const leader = leaderOf(world);
    cordonAllBut(context, home);
    later(SEEN_MS, () => {
      leader.store.failNext({
        fault: "late",
        lateMs: UNDER_WAY_MS,
        verb: "delete",
        kind: "AzVolumeAttachment",
      });
      cluster.deletePod(volumeName, { isForced: false });
    });
    later(SEEN_MS + SENT_AFTER_MS, () => leader.kill());
    later(SEEN_MS + SENT_AFTER_MS + RESTART_MS, () => leader.start());
    return () => {
      leader.start();
      uncordonAll(context);
    };
  },
};
