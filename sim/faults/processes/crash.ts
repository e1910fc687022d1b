import { type StepName, stepNames } from "../../../src/ports/steps.ts";
import type { CrashPlan } from "../../driver/process-slot.ts";
import { controllerWhileCopying } from "../directed/copy/controller-while-copying.ts";
import { controllerWhileModifying } from "../directed/modify/controller-while-modifying.ts";
import { killedInFormat } from "../directed/mount/killed-in-format.ts";
import { diceAgain, type FaultClass, type FaultContext, leaderOf, nodeOfPod, pick } from "../fault-class.ts";
import { dieInMount } from "./die-in-mount.ts";
import { markOutOfService } from "./mark-out-of-service.ts";

/** Steps of a node plug-in; the others are a controller's. */
const nodeSteps = [
  "request",
  "withdraw",
  "acquire",
  "checkpoint",
  "format",
  "mount",
  "unmount",
  "release",
  "answer-recall",
  "prove-clean",
  "reclaim",
  "heartbeat",
] as const;
/** Steps of scenarios with reservations alone. */
const reservationSteps: readonly StepName[] = [
  "reserve",
  "end-reservation",
  "preempt",
  "report-preempted",
  "record-preempted",
];
const controllerSteps = stepNames.filter(
  (step) =>
    !reservationSteps.includes(step) &&
    (!(nodeSteps as readonly string[]).includes(step) || step === "request" || step === "withdraw"),
);
/** The highest occurrence of a step that is struck. */
const NTH_MAX = 3;
const RESTART_MS = 5_000;

function crashPlan(steps: readonly StepName[], dice: number): CrashPlan {
  return {
    step: pick(steps, dice),
    nth: 1 + Math.floor(diceAgain(dice, 1) * NTH_MAX),
    moment: diceAgain(dice, 2) < 0.5 ? "before" : "after",
  };
}

/**
 * How long a mount command may take that outlives its plug-in, in milliseconds, and what happens to the
 * waiting pod.
 */
const MOUNTS_FOR_MS = [8_000, 40_000, 100_000] as const;
const afterwards = ["moved", "movedByForce", "outOfService"] as const;
const MARKED_FOR_MS = 25_000;

/** A plug-in dies in the middle of a mount whose command survives, and its pod moves in this time. */
function dieAndLosePod(context: FaultContext, nodeName: string, dice: number): void {
  const { world, later } = context;
  const plugin = world.nodePlugin(nodeName);
  dieInMount(context, nodeName, { mountsForMs: pick(MOUNTS_FOR_MS, diceAgain(dice, 1)), diesAfterMs: 100 });
  later(1_500, () => plugin?.start());
  later(3_000, () => {
    const what = pick(afterwards, diceAgain(dice, 2));
    const waiting = world.cluster
      .pods()
      .filter((pod) => pod.nodeName === nodeName && pod.phase === "Pending");
    world.cluster.setUnschedulable(nodeName, true);
    if (what === "outOfService") markOutOfService(context, nodeName, true);
    for (const { volumeName } of waiting) {
      if (what !== "outOfService") world.cluster.deletePod(volumeName, { isForced: what === "movedByForce" });
      if (what === "movedByForce") world.cluster.deleteVolumeAttachment(volumeName, nodeName);
    }
  });
  later(3_000 + MARKED_FOR_MS, () => {
    world.cluster.setUnschedulable(nodeName, false);
    markOutOfService(context, nodeName, false);
  });
}

/** A process dies: anywhere, or right before or after a step that changes something. */
export const crash: FaultClass = {
  name: "crash",
  about:
    "a controller or node plug-in is killed anywhere, or right before or after any step that changes " +
    "something",
  variants: {
    "controller-at-step": {
      forMs: [20_000, 120_000],
      begin: ({ world }, { dice }) => {
        const cancels = world.controllers.map((controller) =>
          controller.crashAt(crashPlan(controllerSteps, dice)),
        );
        return () => cancels.forEach((cancel) => cancel());
      },
    },
    "plugin-at-step": {
      forMs: [20_000, 120_000],
      begin: ({ world, nodeNames }, { dice }) => {
        const cancels = nodeNames.map((nodeName) =>
          world.nodePlugin(nodeName)?.crashAt(crashPlan(nodeSteps, dice)),
        );
        return () => cancels.forEach((cancel) => cancel?.());
      },
    },
    "plugin-at-reservation": {
      forMs: [20_000, 120_000],
      isDirected: true,
      begin: ({ world, nodeNames }, { dice }) => {
        const cancels = nodeNames.map((nodeName) =>
          world.nodePlugin(nodeName)?.crashAt(crashPlan(reservationSteps, dice)),
        );
        return () => cancels.forEach((cancel) => cancel?.());
      },
    },
    "controller-while-copying": controllerWhileCopying,
    "controller-while-modifying": controllerWhileModifying,
    "plugin-in-format": killedInFormat,
    "plugin-in-mount": {
      forMs: [60_000, 150_000],
      begin: (context, { dice }) => {
        const { world, nodeNames } = context;
        let isStruck = false;
        const cancels = nodeNames.map((nodeName) =>
          world.nodePlugin(nodeName)?.strikeAt({ step: "mount", nth: 1, moment: "before" }, () => {
            // The first one that is about to mount.
            if (!isStruck) dieAndLosePod(context, nodeName, dice);
            isStruck = true;
          }),
        );
        return () => {
          for (const cancel of cancels) cancel?.();
          for (const nodeName of nodeNames) world.nodePlugin(nodeName)?.start();
        };
      },
    },
    "leader-killed": {
      forMs: [500, 40_000],
      begin: ({ world }) => {
        const leader = leaderOf(world);
        leader.kill();
        return () => leader.start();
      },
    },
    "plugin-killed": {
      forMs: [500, 40_000],
      begin: (context, fault) => {
        const plugin = context.world.nodePlugin(nodeOfPod(context.world, fault));
        plugin?.killWithCommands({ childrenSurvive: fault.dice < 0.5 });
        return () => plugin?.start();
      },
    },
    "plugins-flap": {
      forMs: [5_000, 40_000],
      begin: (context, fault) => {
        const { world, later } = context;
        const plugin = world.nodePlugin(fault.nodeName);
        for (let time = 0; time * RESTART_MS < fault.forMs; time++) {
          later(time * RESTART_MS, () =>
            plugin?.killWithCommands({ childrenSurvive: diceAgain(fault.dice, time) < 0.5 }),
          );
          later(time * RESTART_MS + RESTART_MS / 2, () => plugin?.start());
        }
        return () => plugin?.start();
      },
    },
  },
};
