import { diceAgain, type FaultVariant, pick } from "../../fault-class.ts";
import { cordonAllBut, uncordonAll } from "../../processes/cordon.ts";

/** How long the update is under way, in milliseconds: the next leader works by then. */
const UNDER_WAY_MS = [35_000, 50_000, 65_000] as const;
const RESTART_MS = 2_000;
/** From then until all pods move to that VM, in milliseconds: the next leader attaches their disks. */
const GATHER_AFTER_MS = [500, 8_000] as const;

/**
 * A leader dies after it has sent an update of a VM to which a pod has moved. The update is under way for
 * long; in this time all other pods move to that VM, and the next leader attaches their disks.
 */
export const killedWhileSending: FaultVariant = {
  forMs: [100_000, 120_000],
  isDirected: true,
  begin: (context, { nodeName, volumeName, dice }) => {
    const { world, later } = context;
    const { cluster, azure, controllers } = world;
    let isStruck = false;
    const moveHere = (isMoved: (volumeName: string) => boolean): void => {
      cordonAllBut(context, nodeName);
      for (const pod of cluster.pods())
        if (pod.nodeName !== nodeName && isMoved(pod.volumeName))
          cluster.deletePod(pod.volumeName, { isForced: false });
    };
    const stop = azure.delayUpdates((update) => {
      const sender = controllers.find(({ name }) => name === update.caller);
      if (isStruck || sender === undefined || update.nodeName !== nodeName) return 0;
      isStruck = true;
      later(1, () => sender.kill());
      later(RESTART_MS, () => sender.start());
      later(pick(GATHER_AFTER_MS, diceAgain(dice, 1)), () => moveHere(() => true));
      return pick(UNDER_WAY_MS, dice);
    });
    moveHere((name) => name === volumeName);
    return () => {
      stop();
      uncordonAll(context);
      for (const controller of controllers) controller.start();
    };
  },
};
