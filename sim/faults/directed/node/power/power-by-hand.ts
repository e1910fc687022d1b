import type { StepName } from "../../../../../src/ports/steps.ts";
import { diceAgain, type FaultVariant, nodeOfPod, pick } from "../../../fault-class.ts";
import { markOutOfService } from "../../../processes/mark-out-of-service.ts";

/** The step of a controller at which the person acts: Azure refuses other updates of that VM from then on. */
const MOMENTS: readonly (StepName | "any")[] = [
  "any",
  "any",
  "attach",
  "detach",
  "begin-fence",
  "fence",
  "promote",
];
const ACTIONS = ["deallocate", "deallocate", "deallocate", "restart", "redeploy"] as const;
/** From the deallocation until the VM is to start again, in milliseconds: before it has ended, too. */
const STOPPED_FOR_MS = [1_000, 20_000, 60_000, 150_000] as const;
const MARKED_SHARE = 0.3;
const MARKED_AFTER_MS = 10_000;
/** How long the mark stays: the VM may still be off then. */
const MARKED_FOR_MS = 60_000;

/**
 * A person stops the VM of the pod's node in Azure's portal, so that it loses its host, and starts it later;
 * or restarts it, or moves it to another host.
 */
export const powerByHand: FaultVariant = {
  forMs: [30_000, 120_000],
  isDirected: true,
  begin: (context, fault) => {
    const { world, later } = context;
    const { dice } = fault;
    const action = pick(ACTIONS, diceAgain(dice, 1));
    let isStruck = false;
    const strike = (): void => {
      if (isStruck) return;
      isStruck = true;
      const nodeName = nodeOfPod(world, fault);
      if (action !== "deallocate") return world.azure.restartOutside(nodeName, action);
      world.azure.deallocateOutside(nodeName, pick(STOPPED_FOR_MS, diceAgain(dice, 2)));
      if (diceAgain(dice, 3) >= MARKED_SHARE) return;
      later(MARKED_AFTER_MS, () => markOutOfService(context, nodeName, true));
      later(MARKED_AFTER_MS + MARKED_FOR_MS, () => markOutOfService(context, nodeName, false));
    };
    const step = pick(MOMENTS, dice);
    if (step === "any") strike();
    const takenBack =
      step === "any"
        ? []
        : world.controllers.map((controller) =>
            controller.strikeAt(
              { step, nth: 1, moment: diceAgain(dice, 4) < 0.5 ? "before" : "after" },
              strike,
            ),
          );
    return () => takenBack.forEach((takeBack) => takeBack());
  },
};
