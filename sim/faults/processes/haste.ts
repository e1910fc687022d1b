import { grantedLate } from "../directed/failover/granted-late.ts";
import { deletedInUse } from "../directed/mount/deleted-in-use.ts";
import { thereAndBack } from "../directed/node/there-and-back.ts";
import { type FaultClass, diceAgain, overAtOnce, pick } from "../fault-class.ts";
import { uncordonAll } from "./cordon.ts";

/** Pods move faster than Azure attaches. */
export const haste: FaultClass = {
  name: "haste",
  about:
    "a pod is deleted, forced or not, and moved again and again, faster than Azure attaches; sidecars " +
    "die in the middle of their calls; DeleteVolume is called for a volume in use",
  variants: {
    "deleted-again-and-again": {
      forMs: [10_000, 40_000],
      begin: ({ world, later }, { forMs, dice, volumeName }) => {
        const everyMs = pick([500, 2_000, 6_000], dice);
        for (let time = 0; time * everyMs < forMs; time++)
          later(time * everyMs, () =>
            world.cluster.deletePod(volumeName, { isForced: diceAgain(dice, time) < 0.3 }),
          );
        return overAtOnce;
      },
    },
    hunted: {
      forMs: [15_000, 60_000],
      begin: (context, { forMs, dice, volumeName }) => {
        const { world, later } = context;
        const everyMs = pick([1_500, 5_000, 12_000], dice);
        for (let time = 0; time * everyMs < forMs; time++) {
          later(time * everyMs, () => {
            uncordonAll(context);
            const at = world.cluster.pods().find((pod) => pod.volumeName === volumeName)?.nodeName;
            if (at !== undefined) world.cluster.setUnschedulable(at, true);
            world.cluster.deletePod(volumeName, { isForced: diceAgain(dice, time) < 0.3 });
          });
        }
        return () => uncordonAll(context);
      },
    },
    "sidecars-die": {
      forMs: [10_000, 60_000],
      begin: ({ world, later }, { forMs, dice }) => {
        const everyMs = pick([700, 3_000, 8_000], dice);
        for (let time = 0; time * everyMs < forMs; time++)
          later(time * everyMs, () => world.cluster.restartSidecars());
        return overAtOnce;
      },
    },
    "forced-by-hand": {
      forMs: [20_000, 60_000],
      begin: ({ world, later }, { volumeName, dice }) => {
        const nodeName = world.cluster.pods().find((pod) => pod.volumeName === volumeName)?.nodeName;
        if (nodeName === undefined) return overAtOnce;
        world.cluster.setUnschedulable(nodeName, true);
        world.cluster.deletePod(volumeName, { isForced: true });
        later(pick([100, 2_000, 8_000], dice), () =>
          world.cluster.deleteVolumeAttachment(volumeName, nodeName),
        );
        return () => world.cluster.setUnschedulable(nodeName, false);
      },
    },
    "there-and-back": thereAndBack,
    "deleted-in-use": deletedInUse,
    "granted-late": grantedLate,
    "attachments-forgotten": {
      forMs: [1_000, 30_000],
      begin: ({ world }, { volumeName }) => {
        world.cluster.forgetVolumeAttachment(volumeName);
        return overAtOnce;
      },
    },
  },
};
