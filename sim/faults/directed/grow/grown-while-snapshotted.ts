import { diceAgain, type FaultVariant, pick } from "../../fault-class.ts";
import { slowCopies } from "../copy/copies-take-long.ts";
import { withDisk } from "./with-disk.ts";

/** Half of the copies take less, in milliseconds of Azure's own pace: a growth ends within them. */
const COPY_MS = 60_000;
/** How long the request for the snapshot is under way to Azure, in milliseconds. */
const SNAPSHOT_MS = [0, 300, 1_500, 6_000] as const;
/** The same of the request for the size: the snapshot is there, and being copied, by then. */
const GROWTH_MS = [0, 4_000, 12_000] as const;
/** From the request for the snapshot until its user asks for a size, in milliseconds. */
const GROWN_AFTER_MS = [-600, -300, -100, 0, 100, 300, 1_000] as const;
const RESTART_MS = 2_000;
/** How long Azure restores half of the snapshots while it copies them, in minutes: they are ready at once. */
const INSTANT_MINUTES = 60;

/**
 * A user snapshots a volume and grows it at about the same time. Azure is slow to take both requests, and
 * the snapshot's controller may die with its request under way.
 */
export const grownWhileSnapshotted: FaultVariant = {
  forMs: [30_000, 60_000],
  isDirected: true,
  begin: withDisk(({ world, later, act, grow }, { volumeName, atMs, dice }, { diskUri, sizeGiB }) => {
    const { azure, controllers } = world;
    const atOwnPace = slowCopies(world, COPY_MS);
    const dies = diceAgain(dice, 1) < 0.4;
    let isStruck = false;
    const stops = [
      atOwnPace,
      azure.delaySnapshots(({ caller, sourceUri }) => {
        const sender = controllers.find(({ name }) => name === caller);
        if (isStruck || sender === undefined || sourceUri !== diskUri) return 0;
        isStruck = true;
        if (dies) later(1, () => sender.kill());
        if (dies) later(RESTART_MS, () => sender.start());
        return pick(SNAPSHOT_MS, diceAgain(dice, 2));
      }),
      azure.delayDiskUpdates((update) =>
        update.diskUri === diskUri ? pick(GROWTH_MS, diceAgain(dice, 3)) : 0,
      ),
    ];
    const grownAfterMs = pick(GROWN_AFTER_MS, dice);
    const name = `snapshot-of-${volumeName}-${atMs}`;
    const instant = diceAgain(dice, 4) < 0.5 ? { instantAccessMinutes: INSTANT_MINUTES } : {};
    later(Math.max(0, -grownAfterMs), () => act({ kind: "snapshot", volumeName, name, ...instant }));
    later(Math.max(0, grownAfterMs), () => grow(volumeName, 2 * sizeGiB));
    return () => {
      for (const stop of stops) stop();
      for (const controller of controllers) controller.start();
    };
  }),
};
