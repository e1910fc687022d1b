import { diceAgain, type FaultVariant, overAtOnce, pick } from "../../fault-class.ts";
import { eraseEverything } from "../../objects/delete-by-hand.ts";
import { cordonAllBut, uncordonAll } from "../../processes/cordon.ts";
import { runningOn } from "../mount/where-pods-are.ts";

/** From the start of the pod's container to the deletion, in milliseconds. */
const ERASED_AFTER_MS = [0, 500, 2_000] as const;
/** From the deletion until a person also forces the pod off its node, in milliseconds. */
const FORCED_AFTER_MS = [200, 700, 2_000] as const;
/** How often it is looked whether the pod runs on the other node, in milliseconds. */
const LOOK_MS = 200;

/**
 * A person deletes every object of the driver right after a pod has moved, and forces the pod off its node,
 * while Azure shows the disk as it was before the attach.
 */
export const deletedWhileStale: FaultVariant = {
  forMs: [60_000, 90_000],
  isDirected: true,
  begin: (context, { volumeName, dice }) => {
    const { world, nodeNames, later, toRestart } = context;
    const { cluster } = world;
    const { faults } = world.azure.model;
    const home = runningOn(context, volumeName);
    const target = nodeNames.find((name) => name !== home);
    if (home === undefined || target === undefined) return overAtOnce;
    const staleReads = (probability: number): string =>
      faults.add({ operation: "Disks_*", probability, effect: { kind: "StaleRead" } }).id;
    // Of no read, so that the emulator keeps what is read before the attach.
    const added = [staleReads(0)];
    let isOver = false;
    const force = (): void => {
      cluster.deletePod(volumeName, { isForced: true });
      cluster.deleteVolumeAttachment(volumeName, target);
    };
    const look = (): void => {
      if (isOver) return;
      if (runningOn(context, volumeName) !== target) return later(LOOK_MS, look);
      added.push(staleReads(1));
      later(pick(ERASED_AFTER_MS, dice), () => {
        for (const workload of cluster.workloads()) toRestart(workload.volumeName);
        eraseEverything(world, false);
        later(pick(FORCED_AFTER_MS, diceAgain(dice, 1)), force);
      });
    };
    cordonAllBut(context, target);
    cluster.deletePod(volumeName, { isForced: false });
    look();
    return () => {
      isOver = true;
      for (const id of added) faults.remove(id);
      uncordonAll(context);
    };
  },
};
