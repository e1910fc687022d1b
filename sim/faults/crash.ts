import { stepNames } from "../../src/ports/steps.ts";
import type { StepName } from "../../src/ports/steps.ts";
import type { CrashPlan } from "../driver/process-slot.ts";
import { diceAgain, type FaultClass, leaderOf, nodeOfPod, pick } from "./fault-class.ts";

/** Steps that a node plug-in takes; the others are a controller's. */
const nodeSteps = [
  "want",
  "end-want",
  "take",
  "note",
  "format",
  "mount",
  "unmount",
  "give",
  "answer-recall",
  "leave-quarantine",
  "prove-clean",
  "claim",
  "heartbeat",
] as const;
const controllerSteps = stepNames.filter((step) => !(nodeSteps as readonly string[]).includes(step) || step === "want" || step === "end-want");
/** Which time a step is taken is struck at, at most. */
const NTH_MAX = 3;
const RESTART_MS = 5_000;

function crashPlan(steps: readonly StepName[], dice: number): CrashPlan {
  return { step: pick(steps, dice), nth: 1 + Math.floor(diceAgain(dice, 1) * NTH_MAX), moment: diceAgain(dice, 2) < 0.5 ? "before" : "after" };
}

/** A process dies: anywhere, or right before or after a step that changes something. */
export const crash: FaultClass = {
  name: "crash",
  about: "a controller or node plug-in is killed anywhere, or right before or after any step that changes something",
  variants: {
    "controller-at-step": {
      forMs: [20_000, 120_000],
      begin: ({ world }, { dice }) => {
        const takenBack = world.controllers.map((controller) => controller.crashAt(crashPlan(controllerSteps, dice)));
        return () => takenBack.forEach((takeBack) => takeBack());
      },
    },
    "plugin-at-step": {
      forMs: [20_000, 120_000],
      begin: ({ world, nodeNames }, { dice }) => {
        const takenBack = nodeNames.map((nodeName) => world.nodePlugin(nodeName)?.crashAt(crashPlan(nodeSteps, dice)));
        return () => takenBack.forEach((takeBack) => takeBack?.());
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
          later(time * RESTART_MS, () => plugin?.killWithCommands({ childrenSurvive: diceAgain(fault.dice, time) < 0.5 }));
          later(time * RESTART_MS + RESTART_MS / 2, () => plugin?.start());
        }
        return () => plugin?.start();
      },
    },
  },
};
