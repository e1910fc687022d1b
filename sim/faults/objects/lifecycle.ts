import { cloned, clonedBeforeUse } from "../directed/copy/cloned.ts";
import { restoredFromSnapshot } from "../directed/copy/restored.ts";
import { sourceDeletedWhileCopied } from "../directed/copy/source-deleted.ts";
import { grownWhileMoving } from "../directed/failover/grown-while-moving.ts";
import { grownWhileWaiting } from "../directed/failover/grown-while-waiting.ts";
import { grownAcrossBoundary } from "../directed/grow/grown-across-boundary.ts";
import { grownWhileSnapshotted } from "../directed/grow/grown-while-snapshotted.ts";
import { growthLate } from "../directed/grow/growth-late.ts";
import { growthOverQuota } from "../directed/grow/growth-over-quota.ts";
import { modifiedWhileMoving } from "../directed/modify/modified-while-moving.ts";
import { usedWhileConverting } from "../directed/modify/used-while-converting.ts";
import { nameTaken } from "../directed/node/name/name-taken.ts";
import type { FaultClass } from "../fault-class.ts";
import { overAtOnce, pick } from "../fault-class.ts";

/** A volume's life cycle changes course in the middle of an operation. */
export const lifecycle: FaultClass = {
  name: "lifecycle",
  about:
    "a volume is made and deleted while it is being attached, moved while its pods start and stop, grown " +
    "or modified while it moves, grown while its pod finds no node, grown across 4,095 GiB or over a quota " +
    "until its user asks for less, grown at the moment of a snapshot, or late, used while its disk is " +
    "converted, asked for by the name of another cluster's, cloned, also before it is used, or restored " +
    "from a snapshot, while the source or the copy is deleted",
  variants: {
    "short-life": {
      forMs: [20_000, 60_000],
      begin: ({ world, later }, { volumeName, atMs, dice }) => {
        const shortLived = `${volumeName}-short-${atMs}`;
        world.cluster.apply({
          volumeName: shortLived,
          sizeGiB: 4,
          skuName: "Premium_LRS",
          maxShares: 2,
          replicas: 1,
          access: "mount",
        });
        let isDeleted = false;
        const end = (): void => {
          if (isDeleted) return;
          isDeleted = true;
          world.cluster.deleteWorkload(shortLived);
        };
        later(pick([100, 3_000, 8_000, 15_000], dice), end);
        return end;
      },
    },
    "scaled-down-and-up": {
      forMs: [5_000, 40_000],
      begin: ({ world, later }, { volumeName, dice }) => {
        world.cluster.scale(volumeName, 0);
        later(pick([200, 2_000, 10_000], dice), () => world.cluster.scale(volumeName, 1));
        return () => world.cluster.scale(volumeName, 1);
      },
    },
    "grown-while-moving": grownWhileMoving,
    "grown-while-waiting": grownWhileWaiting,
    "grown-across-boundary": grownAcrossBoundary,
    "growth-over-quota": growthOverQuota,
    "growth-late": growthLate,
    "grown-while-snapshotted": grownWhileSnapshotted,
    "modified-while-moving": modifiedWhileMoving,
    "used-while-converting": usedWhileConverting,
    "name-taken": nameTaken,
    cloned,
    "cloned-before-use": clonedBeforeUse,
    "restored-from-snapshot": restoredFromSnapshot,
    "source-deleted-while-copied": sourceDeletedWhileCopied,
    "restarted-while-moving": {
      forMs: [5_000, 30_000],
      begin: ({ world, later }, { volumeName }) => {
        world.cluster.deletePod(volumeName, { isForced: false });
        later(1_500, () => world.cluster.deletePod(volumeName, { isForced: true }));
        return overAtOnce;
      },
    },
  },
};
