import type { FaultEffect } from "../../../../src/emulator/model/pace/fault-rule.ts";
import { diceAgain, type FaultVariant, pick } from "../../fault-class.ts";
import { goBack, otherClass } from "./other-class.ts";

const effects: readonly FaultEffect[] = [
  {
    kind: "Error",
    status: 409,
    code: "Conflict",
    message: "The request failed due to conflict with a concurrent request.",
  },
  { kind: "Error", status: 429, code: "TooManyRequests", retryAfterS: 3 },
  { kind: "Error", status: 500, code: "InternalServerError" },
  { kind: "DropRequest" },
  { kind: "DropResponse" },
  { kind: "DelayResponse", delayMs: 15_000 },
  { kind: "FailOperation", code: "InternalOperationError", applied: "none" },
  { kind: "FailOperation", code: "InternalOperationError", applied: "all" },
];
const BACK_AFTER_MS = [500, 3_000, 15_000] as const;
const BACK_SHARE = 0.5;

/**
 * Azure refuses changes of disks, loses them or their answers, or fails them, done or not, while a user
 * asks for another class, and may go back.
 */
export const modificationsRefused: FaultVariant = {
  forMs: [10_000, 60_000],
  isDirected: true,
  begin: (context, { volumeName, dice }) => {
    const { world, later, act } = context;
    const rule = world.azure.model.faults.add({
      operation: "Disks_Update",
      probability: 0.6,
      effect: pick(effects, dice),
    });
    const volumeClass = otherClass(world, volumeName);
    act({ kind: "modify", volumeName, volumeClass });
    if (diceAgain(dice, 1) < BACK_SHARE)
      later(pick(BACK_AFTER_MS, diceAgain(dice, 2)), () => goBack(context, volumeName, volumeClass));
    return () => world.azure.model.faults.remove(rule.id);
  },
};
