import { restoredWithChanges } from "../directed/control-plane/restored-with-changes.ts";
import { restoredWithCluster } from "../directed/control-plane/restored-with-cluster.ts";
import { deletedAfterFence } from "../directed/failover/deleted-after-fence.ts";
import { deletedBeforeFence } from "../directed/failover/deleted-before-fence.ts";
import { deletedWhileStale } from "../directed/failover/deleted-while-stale.ts";
import { labelsRemoved } from "../directed/failover/labels-removed.ts";
import { lostWhileMoving } from "../directed/failover/lost-while-moving.ts";
import { numberGivenAway, recordLostAfterFence } from "../directed/mount/record-lost-after-fence.ts";
import type { FaultClass } from "../fault-class.ts";
import { nodeOfPod, overAtOnce, pick } from "../fault-class.ts";
import { stopForAWhile } from "../processes/stop-for-a-while.ts";
import { erase, eraseAttachmentsOf, eraseEverything, eraseLease } from "./delete-by-hand.ts";
import { putBack } from "./put-back.ts";
import { restores } from "./restores.ts";
import { volumeObjectOf } from "./volume-object.ts";

/** The driver's own state is lost, or rolled back; the driver is replaced. */
export const loss: FaultClass = {
  name: "loss",
  about:
    "objects are deleted by hand, all of them or one, or made again from manifests, the store is restored " +
    "from an older backup, with or without Kubernetes' own objects, plug-ins and controllers are upgraded " +
    "under I/O",
  variants: {
    "volume-deleted": {
      forMs: [10_000, 60_000],
      begin: ({ world }, { volumeName }) => {
        const name = volumeObjectOf(world, volumeName);
        if (name !== undefined) erase(world, "AzVolume", name, false);
        return overAtOnce;
      },
    },
    "volume-erased": {
      forMs: [10_000, 60_000],
      begin: ({ world }, { volumeName }) => {
        const name = volumeObjectOf(world, volumeName);
        if (name !== undefined) erase(world, "AzVolume", name, true);
        return overAtOnce;
      },
    },
    "record-lost-after-fence": recordLostAfterFence,
    "number-given-away": numberGivenAway,
    "lost-while-moving": lostWhileMoving,
    "deleted-after-fence": deletedAfterFence,
    "deleted-before-fence": deletedBeforeFence,
    "deleted-while-stale": deletedWhileStale,
    "labels-removed": labelsRemoved,
    "attachments-deleted": {
      forMs: [10_000, 60_000],
      begin: ({ world, toRestart }, { volumeName }) => {
        toRestart(volumeName);
        eraseAttachmentsOf(world, volumeObjectOf(world, volumeName), false);
        return overAtOnce;
      },
    },
    "attachments-erased": {
      forMs: [10_000, 60_000],
      begin: ({ world }, { volumeName }) => {
        eraseAttachmentsOf(world, volumeObjectOf(world, volumeName), true);
        return overAtOnce;
      },
    },
    "driver-node-deleted": {
      forMs: [10_000, 60_000],
      begin: ({ world }, fault) => {
        erase(world, "AzDriverNode", nodeOfPod(world, fault), false);
        return overAtOnce;
      },
    },
    "everything-deleted": {
      forMs: [10_000, 60_000],
      begin: ({ world, toRestart }) => {
        for (const { volumeName } of world.cluster.workloads()) toRestart(volumeName);
        eraseEverything(world, false);
        return overAtOnce;
      },
    },
    "everything-erased": {
      forMs: [10_000, 60_000],
      begin: ({ world }) => {
        eraseEverything(world, true);
        return overAtOnce;
      },
    },
    "lease-deleted": {
      forMs: [10_000, 60_000],
      begin: ({ world }) => {
        eraseLease(world);
        return overAtOnce;
      },
    },
    restored: {
      forMs: [30_000, 120_000],
      begin: ({ world, later }, { forMs, dice }) => {
        const backup = world.store.snapshot();
        later(forMs * pick([0.4, 0.7, 0.95], dice), () => world.store.restore(backup));
        return overAtOnce;
      },
    },
    ...restores,
    "put-back": putBack,
    "restored-with-cluster": restoredWithCluster,
    "restored-with-changes": restoredWithChanges,
    "plugin-upgraded": {
      forMs: [2_000, 20_000],
      begin: ({ world }, fault) => {
        const plugin = world.nodePlugin(nodeOfPod(world, fault));
        return plugin === undefined ? overAtOnce : stopForAWhile(world, [plugin]);
      },
    },
    "controllers-upgraded": {
      forMs: [2_000, 20_000],
      begin: ({ world }) => stopForAWhile(world, world.controllers),
    },
  },
};
