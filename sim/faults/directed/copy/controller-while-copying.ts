import { diceAgain, type FaultVariant, pick } from "../../fault-class.ts";

const steps = ["create-object", "create-disk", "record-created", "mark-delete", "delete-disk"] as const;
/** From the beginning of a request to the end of its controller, in milliseconds. */
const KILLED_AFTER_MS = [20, 200, 600] as const;
const RESTART_MS = 2_000;

/**
 * A controller is killed right before, right after, or in the middle of a step that makes or deletes a
 * volume.
 */
export const controllerWhileCopying: FaultVariant = {
  forMs: [20_000, 60_000],
  isDirected: true,
  begin: ({ world, later }, { dice }) => {
    const step = pick(steps, dice);
    const when = pick(["before", "after", "during"] as const, diceAgain(dice, 1));
    const takenBack = world.controllers.map((controller) => {
      if (when !== "during") return controller.crashAt({ step, nth: 1, moment: when });
      return controller.strikeAt({ step, nth: 1, moment: "before" }, () => {
        later(pick(KILLED_AFTER_MS, diceAgain(dice, 2)), () => controller.kill());
        later(RESTART_MS, () => controller.start());
      });
    });
    return () => {
      for (const takeBack of takenBack) takeBack();
      for (const controller of world.controllers) controller.start();
    };
  },
};
