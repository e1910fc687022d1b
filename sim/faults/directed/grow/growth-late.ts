import { diceAgain, type FaultVariant, pick } from "../../fault-class.ts";
import { slowCopies } from "../copy/copies-take-long.ts";
import { overQuota } from "./growth-over-quota.ts";
import { withDisk } from "./with-disk.ts";

/** Half of the copies take less, in milliseconds of Azure's own pace: the late growth comes within them. */
const COPY_MS = 60_000;
/** How long the first request for the size is under way to Azure, in milliseconds. */
const UNDER_WAY_MS = [25_000, 40_000] as const;
/** How long the quota is used up, in milliseconds: the next leader's request is refused by then. */
const REFUSES_FOR_MS = 24_000;
/** From the first request until the user snapshots the volume, in milliseconds. */
const SNAPSHOT_AFTER_MS = [8_000, 14_000, 20_000] as const;
const RESTART_MS = 2_000;

/**
 * A leader dies after it has sent a growth, which is under way for long. A quota is used up, so the next
 * leader's request is refused, and the user snapshots the volume. Then the first request arrives.
 */
export const growthLate: FaultVariant = {
  forMs: [50_000, 70_000],
  isDirected: true,
  begin: withDisk(({ world, later, act, grow }, { volumeName, atMs, dice }, { diskUri, sizeGiB }) => {
    const { azure, controllers } = world;
    const stops = [slowCopies(world, COPY_MS)];
    let isStruck = false;
    const stop = azure.delayDiskUpdates((update) => {
      const sender = controllers.find(({ name }) => name === update.caller);
      if (isStruck || sender === undefined || update.diskUri !== diskUri) return 0;
      isStruck = true;
      later(1, () => sender.kill());
      later(RESTART_MS, () => sender.start());
      const refuses = overQuota(azure, diskUri);
      stops.push(refuses);
      later(REFUSES_FOR_MS, refuses);
      const name = `snapshot-of-${volumeName}-${atMs}`;
      later(pick(SNAPSHOT_AFTER_MS, diceAgain(dice, 1)), () => act({ kind: "snapshot", volumeName, name }));
      return pick(UNDER_WAY_MS, dice);
    });
    grow(volumeName, 2 * sizeGiB);
    return () => {
      for (const end of [stop, ...stops]) end();
      for (const controller of controllers) controller.start();
    };
  }),
};
