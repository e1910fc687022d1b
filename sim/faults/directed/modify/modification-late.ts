import { diceAgain, type FaultVariant, pick } from "../../fault-class.ts";
import { goBack, otherClass } from "./other-class.ts";

/** How long the request is under way to Azure, in milliseconds: the next leader has ended it by then. */
const UNDER_WAY_MS = [15_000, 35_000, 60_000] as const;
const RESTART_MS = 2_000;
/** From then until its user goes back to the old class, in milliseconds. */
const BACK_AFTER_MS = [100, 3_000, 12_000, 30_000] as const;

/**
 * A leader dies after it has sent a change of a disk, which is under way for long. The next leader makes
 * the change, the user goes back to the old class, and then the first request arrives.
 */
export const modificationLate: FaultVariant = {
  forMs: [70_000, 90_000],
  isDirected: true,
  begin: (context, { volumeName, dice }) => {
    const { world, later, act } = context;
    const { azure, cluster, controllers } = world;
    const volumeClass = otherClass(world, volumeName);
    let isStruck = false;
    const stop = azure.delayDiskUpdates(({ caller, diskUri }) => {
      const sender = controllers.find(({ name }) => name === caller);
      if (isStruck || sender === undefined || diskUri !== cluster.diskUriOf(volumeName)?.toLowerCase())
        return 0;
      isStruck = true;
      later(1, () => sender.kill());
      later(RESTART_MS, () => sender.start());
      later(pick(BACK_AFTER_MS, diceAgain(dice, 1)), () => goBack(context, volumeName, volumeClass));
      return pick(UNDER_WAY_MS, dice);
    });
    act({ kind: "modify", volumeName, volumeClass });
    return () => {
      stop();
      for (const controller of controllers) controller.start();
    };
  },
};
