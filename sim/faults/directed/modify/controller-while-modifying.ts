import { diceAgain, type FaultVariant, pick } from "../../fault-class.ts";
import { goBack, otherClass } from "./other-class.ts";

const steps = ["modify-disk", "modify-disk", "end-modification"] as const;
/** From the beginning of the step to the end of its controller, in milliseconds. */
const KILLED_AFTER_MS = [5, 30, 200, 600] as const;
const RESTART_MS = 2_000;
/** From then until the user goes back to the old class, in milliseconds; Azure may still make the other. */
const BACK_AFTER_MS = [10, 500, 3_000] as const;
const BACK_SHARE = 0.6;

/** A controller is killed right before, right after, or in the middle of a step of a modification. */
export const controllerWhileModifying: FaultVariant = {
  forMs: [20_000, 60_000],
  isDirected: true,
  begin: (context, { volumeName, dice }) => {
    const { world, later, act } = context;
    const { controllers } = world;
    const step = pick(steps, dice);
    const when = pick(["before", "after", "during"] as const, diceAgain(dice, 1));
    const volumeClass = otherClass(world, volumeName);
    const maybeGoBack = (): void => {
      if (diceAgain(dice, 2) >= BACK_SHARE) return;
      later(pick(BACK_AFTER_MS, diceAgain(dice, 3)), () => goBack(context, volumeName, volumeClass));
    };
    const takenBack = controllers.map((controller) =>
      controller.strikeAt({ step, nth: 1, moment: when === "after" ? "after" : "before" }, () => {
        maybeGoBack();
        if (when === "during") later(pick(KILLED_AFTER_MS, diceAgain(dice, 4)), () => controller.kill());
        else controller.kill();
        later(RESTART_MS, () => controller.start());
      }),
    );
    act({ kind: "modify", volumeName, volumeClass });
    return () => {
      for (const takeBack of takenBack) takeBack();
      for (const controller of controllers) controller.start();
    };
  },
};
