import { diceAgain, type FaultVariant, nodeOfPod, overAtOnce, pick } from "../../fault-class.ts";
import { eraseEverything } from "../../objects/delete-by-hand.ts";
import { markOutOfService } from "../../processes/mark-out-of-service.ts";
import { addInPlaceOf, scaleIn } from "./replaced-by-another.ts";

/** From the loss of its power until every object is lost, in milliseconds. */
const LOST_AFTER_MS = [1_000, 10_000] as const;
/** From then until the VM is deleted, in milliseconds. */
const GOES_AFTER_MS = [3_000, 20_000, 60_000] as const;
/** How often a person marks the node before, and how long after the loss of its power, in milliseconds. */
const MARKED_SHARE = 0.5;
const MARKED_AFTER_MS = 15_000;

/**
 * The pod's node loses its power, every object of the driver is lost, and then the VM is deleted for good,
 * without another report from its plug-in.
 */
export const replacedUnheard: FaultVariant = {
  forMs: [90_000, 180_000],
  isDirected: true,
  begin: (context, fault) => {
    const { world, later } = context;
    const nodeName = nodeOfPod(world, fault);
    const vm = world.azure.vmOf(nodeName);
    if (vm === undefined) return overAtOnce;
    const lostAfterMs = pick(LOST_AFTER_MS, fault.dice);
    world.azure.losePower(nodeName, { isSilent: false });
    if (diceAgain(fault.dice, 1) < MARKED_SHARE)
      later(MARKED_AFTER_MS, () => markOutOfService(context, nodeName, true));
    later(lostAfterMs, () => eraseEverything(world, diceAgain(fault.dice, 2) < 0.5));
    later(lostAfterMs + pick(GOES_AFTER_MS, diceAgain(fault.dice, 3)), () => {
      scaleIn(context, nodeName);
      addInPlaceOf(context, nodeName, vm.zones[0] ?? "");
    });
    return overAtOnce;
  },
};
