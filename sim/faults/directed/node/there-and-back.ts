import { diceAgain, type FaultVariant, overAtOnce, pick } from "../../fault-class.ts";
import { cordonAllBut, uncordonAll } from "../../processes/cordon.ts";
import { slowCallAt } from "../../surroundings/slow-call.ts";
import { runningOn } from "../mount/where-pods-are.ts";

/** How long the pod is elsewhere before it returns, in milliseconds. */
const AWAY_MS = [900, 1_500, 2_500] as const;
/** How long the plug-in there is paused right before it requests the volume, in milliseconds. */
const REQUESTS_AFTER_MS = [0, 0, 12_000, 20_000] as const;
/** From the pod's return until its kubelet sees it, and the first pod's end, in milliseconds. */
const SEEN_AFTER_MS = [100, 300] as const;
/** Writes of the release check that are under way for long, and how long, in milliseconds. */
const slowSteps = ["withdraw", "begin-fence"] as const;
const SLOW_MS = [3_000, 5_000, 8_000] as const;

/**
 * A pod is deleted by force, bound to another node, deleted by force again and bound to its first node,
 * whose kubelet has seen none of it and still has its volume mounted. The request of the node in between
 * is written late, and so are the controller's decisions from that time.
 */
export const thereAndBack: FaultVariant = {
  forMs: [25_000, 35_000],
  isDirected: true,
  begin: (context, { volumeName, dice }) => {
    const { world, nodeNames, later } = context;
    const { cluster } = world;
    const home = runningOn(context, volumeName);
    if (home === undefined) return overAtOnce;
    const others = nodeNames.filter((name) => name !== home);
    const requestsAfterMs = pick(REQUESTS_AFTER_MS, diceAgain(dice, 1));
    const endSlow = slowCallAt(context, world.controllers, {
      step: pick(slowSteps, diceAgain(dice, 2)),
      ms: pick(SLOW_MS, diceAgain(dice, 3)),
    });
    const takenBack = others.map((name) => {
      const plugin = world.nodePlugin(name);
      return plugin?.strikeAt({ step: "request", nth: 1, moment: "before" }, () => {
        if (requestsAfterMs === 0) return;
        plugin.pause();
        later(requestsAfterMs, () => plugin.resume());
      });
    });
    cluster.setUnschedulable(home, true);
    cluster.setKubeletReachable(home, false);
    cluster.deletePod(volumeName, { isForced: true });
    later(pick(AWAY_MS, diceAgain(dice, 4)), () => {
      cordonAllBut(context, home);
      cluster.deletePod(volumeName, { isForced: true });
      later(pick(SEEN_AFTER_MS, dice), () => cluster.setKubeletReachable(home, true));
    });
    return () => {
      endSlow();
      cluster.setKubeletReachable(home, true);
      for (const takeBack of takenBack) takeBack?.();
      for (const name of others) world.nodePlugin(name)?.resume();
      uncordonAll(context);
    };
  },
};
