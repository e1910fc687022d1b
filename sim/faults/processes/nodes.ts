import { backAfterFence } from "../directed/failover/back-after-fence.ts";
import { containerForgotten } from "../directed/kubelet/container-forgotten.ts";
import { frozenForLong } from "../directed/kubelet/frozen-for-long.ts";
import { kubeletDiesUnpublished } from "../directed/kubelet/kubelet-dies-unpublished.ts";
import { deletedInMount } from "../directed/mount/deleted-in-mount.ts";
import { frozenInMount } from "../directed/mount/frozen-in-mount.ts";
import { pausedBeforeAcquire } from "../directed/mount/paused-before-acquire.ts";
import { frozenAndDeleted } from "../directed/node/frozen-and-deleted.ts";
import { instanceReused } from "../directed/node/instance-reused.ts";
import { kubeletRenamed } from "../directed/node/name/kubelet-renamed.ts";
import { nameMovesBeforeAcquire } from "../directed/node/name/name-moves-before-acquire.ts";
import { nameMoves } from "../directed/node/name/name-moves.ts";
import { cutOffInTurn, cutOffTogether } from "../directed/node/power/cut-off-together.ts";
import { powerByHand } from "../directed/node/power/power-by-hand.ts";
import { silentForLong } from "../directed/node/power/silent-for-long.ts";
import { putAway } from "../directed/node/put-away.ts";
import { drainedForGood, reimaged } from "../directed/node/reimaged.ts";
import { replacedByAnother } from "../directed/node/replaced-by-another.ts";
import { replacedUnheard } from "../directed/node/replaced-unheard.ts";
import { rootDiskBreaks } from "../directed/node/root-disk-breaks.ts";
import {
  diceAgain,
  type FaultClass,
  type FaultContext,
  nodeOfPod,
  overAtOnce,
  pick,
} from "../fault-class.ts";
import { markOutOfService } from "./mark-out-of-service.ts";

/**
 * How long an operator takes to notice that a node is dead, in milliseconds, and how long the mark stays
 * after its return.
 */
const NOTICED_MS = [5_000, 20_000, 70_000] as const;
const BACK_FOR_MS = 30_000;
/** How much longer each command of a slow disk takes, in milliseconds. */
const SLOW_MS = 8_000;
const slowMethods = ["mountDevice", "unmount", "flush", "checkFileSystem", "format"] as const;

/**
 * What an operator does with a dead node: marks it, and removes the mark once the node has been back for a
 * while.
 */
function operate(context: FaultContext, nodeName: string, dice: number): () => void {
  context.later(pick(NOTICED_MS, dice), () => markOutOfService(context, nodeName, true));
  return () => context.later(BACK_FOR_MS, () => markOutOfService(context, nodeName, false));
}

/** Steps that a plug-in decides on an earlier read, or whose commands are under way. */
const decidedSteps = [
  "acquire",
  "checkpoint",
  "mount",
  "release",
  "unmount",
  "request",
  "withdraw",
  "prove-clean",
  "reclaim",
] as const;

/** Faults of machines. */
export const nodes: FaultClass = {
  name: "nodes",
  about:
    "a machine freezes and thaws, also minutes later, loses its power, reboots, is stopped and started by " +
    "hand, is cut off one way or the other, has a slow disk or a broken root disk, is deleted, is drained " +
    "or reimaged, or is recreated under its name, or its name is given to another VM while the first one " +
    "stays, or its resource id to another node; its kubelet registers under another name, takes a " +
    "container for ended that runs on, or never unstages; with and without the out-of-service mark",
  variants: {
    freeze: {
      forMs: [3_000, 60_000],
      begin: ({ world }, fault) => {
        const nodeName = nodeOfPod(world, fault);
        world.azure.freeze(nodeName);
        return () => world.azure.thaw(nodeName);
      },
    },
    "freeze-at-step": {
      forMs: [60_000, 180_000],
      begin: (context, fault) => {
        const { world, nodeNames } = context;
        const isMarked = diceAgain(fault.dice, 1) < 0.7;
        const undo: (() => void)[] = [];
        const takenBack = nodeNames.map((nodeName) =>
          world
            .nodePlugin(nodeName)
            ?.strikeAt(
              { step: pick(decidedSteps, diceAgain(fault.dice, 2)), nth: 1, moment: "before" },
              () => {
                // The first one that comes to that step.
                if (undo.length > 0) return;
                world.azure.freeze(nodeName);
                const unmark = isMarked ? operate(context, nodeName, fault.dice) : () => undefined;
                undo.push(() => {
                  world.azure.thaw(nodeName);
                  unmark();
                });
              },
            ),
        );
        return () => {
          for (const takeBack of takenBack) takeBack?.();
          for (const thaw of undo) thaw();
        };
      },
    },
    "frozen-for-long": frozenForLong,
    "frozen-in-mount": frozenInMount,
    "paused-before-acquire": pausedBeforeAcquire,
    "freeze-and-mark": {
      forMs: [60_000, 180_000],
      begin: (context, fault) => {
        const nodeName = nodeOfPod(context.world, fault);
        context.world.azure.freeze(nodeName);
        const unmark = operate(context, nodeName, fault.dice);
        return () => {
          context.world.azure.thaw(nodeName);
          unmark();
        };
      },
    },
    "power-loss": {
      forMs: [60_000, 180_000],
      begin: (context, fault) => {
        const nodeName = nodeOfPod(context.world, fault);
        context.world.azure.losePower(nodeName, { isSilent: fault.dice < 0.5 });
        const unmark = operate(context, nodeName, fault.dice);
        return () => {
          context.world.azure.powerOn(nodeName);
          unmark();
        };
      },
    },
    "power-loss-unmarked": {
      forMs: [20_000, 90_000],
      begin: ({ world }, fault) => {
        const nodeName = nodeOfPod(world, fault);
        world.azure.losePower(nodeName, { isSilent: fault.dice < 0.5 });
        return () => world.azure.powerOn(nodeName);
      },
    },
    reboot: {
      forMs: [1_000, 30_000],
      begin: ({ world }, fault) => {
        world.azure.reboot(nodeOfPod(world, fault));
        return overAtOnce;
      },
    },
    recreated: {
      forMs: [60_000, 120_000],
      begin: ({ world }, fault) => {
        world.azure.recreateVm(nodeOfPod(world, fault));
        return overAtOnce;
      },
    },
    "recreated-node-too": {
      forMs: [60_000, 120_000],
      begin: ({ world, later }, fault) => {
        const nodeName = nodeOfPod(world, fault);
        world.azure.recreateVm(nodeName);
        later(pick([1_000, 20_000, 60_000], fault.dice), () => world.cluster.deleteNode(nodeName));
        return overAtOnce;
      },
    },
    "node-made-again": {
      forMs: [1_000, 30_000],
      isDirected: true,
      begin: ({ world }, fault) => {
        world.cluster.deleteNode(nodeOfPod(world, fault));
        return overAtOnce;
      },
    },
    "replaced-by-another": replacedByAnother,
    "replaced-unheard": replacedUnheard,
    "name-moves": nameMoves,
    "name-moves-before-acquire": nameMovesBeforeAcquire,
    renamed: kubeletRenamed,
    "instance-reused": instanceReused,
    reimaged,
    "drained-for-good": drainedForGood,
    "put-away": putAway,
    "power-by-hand": powerByHand,
    "root-disk-breaks": rootDiskBreaks,
    "silent-for-long": silentForLong,
    "cut-off-together": cutOffTogether,
    "cut-off-in-turn": cutOffInTurn,
    "frozen-and-deleted": frozenAndDeleted,
    "deleted-in-mount": deletedInMount,
    "back-after-fence": backAfterFence,
    "container-forgotten": containerForgotten,
    "plugin-cut-off": {
      forMs: [10_000, 90_000],
      begin: (context, fault) => {
        const nodeName = nodeOfPod(context.world, fault);
        const plugin = context.world.nodePlugin(nodeName);
        plugin?.store.setReachable(false);
        return () => plugin?.store.setReachable(true);
      },
    },
    "kubelet-cut-off": {
      forMs: [10_000, 90_000],
      begin: ({ world }, fault) => {
        const nodeName = nodeOfPod(world, fault);
        world.cluster.setKubeletReachable(nodeName, false);
        return () => world.cluster.setKubeletReachable(nodeName, true);
      },
    },
    "cut-off-and-mark": {
      forMs: [60_000, 180_000],
      begin: (context, fault) => {
        const { world } = context;
        const nodeName = nodeOfPod(world, fault);
        world.cluster.setKubeletReachable(nodeName, false);
        world.nodePlugin(nodeName)?.store.setReachable(fault.dice < 0.3);
        const unmark = operate(context, nodeName, fault.dice);
        return () => {
          world.cluster.setKubeletReachable(nodeName, true);
          world.nodePlugin(nodeName)?.store.setReachable(true);
          unmark();
        };
      },
    },
    "kubelet-dead-and-mark": {
      forMs: [60_000, 180_000],
      begin: (context, fault) => {
        const { world } = context;
        const nodeName = nodeOfPod(world, fault);
        world.cluster.setKubeletRunning(nodeName, false);
        const unmark = operate(context, nodeName, fault.dice);
        return () => {
          world.cluster.setKubeletRunning(nodeName, true);
          unmark();
        };
      },
    },
    "kubelet-restarts": {
      forMs: [5_000, 60_000],
      begin: ({ world }, fault) => {
        const nodeName = nodeOfPod(world, fault);
        world.cluster.setKubeletRunning(nodeName, false);
        return () => world.cluster.setKubeletRunning(nodeName, true);
      },
    },
    "kubelet-dies-unpublished": kubeletDiesUnpublished,
    "slow-disk": {
      forMs: [20_000, 90_000],
      begin: ({ world }, fault) => {
        const machine = world.azure.machineOf(nodeOfPod(world, fault));
        const set = (latencyMs: number): void => {
          for (const method of slowMethods) machine?.kernel.setLatencyMs(method, latencyMs);
        };
        set(SLOW_MS * (0.2 + fault.dice));
        return () => set(0);
      },
    },
    "commands-fail": {
      forMs: [10_000, 60_000],
      begin: ({ world }, fault) => {
        const machine = world.azure.machineOf(nodeOfPod(world, fault));
        for (const method of ["mountDevice", "unmount", "bindMount", "isClean", "inspectDevice"] as const) {
          machine?.kernel.failNext(method, {
            kind: "HostCommandTimedOut",
            command: method,
            timeoutMs: 60_000,
          });
        }
        return overAtOnce;
      },
    },
  },
};
