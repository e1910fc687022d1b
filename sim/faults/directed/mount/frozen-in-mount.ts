import { diceAgain, type FaultVariant, overAtOnce, pick } from "../../fault-class.ts";
import { cordonAllBut, cordonOnly, uncordonAll } from "../../processes/cordon.ts";
import { markOutOfService } from "../../processes/mark-out-of-service.ts";
import { slowCallAt } from "../../surroundings/slow-call.ts";
import { idleNodeFor } from "./where-pods-are.ts";

const SEEN_MS = 500;
const NOTICED_MS = 1_500;
/** How long the record of the proof that a node is fenced is on its way to the store, in milliseconds. */
const CLEARED_AFTER_MS = [5_000, 9_000] as const;
/** From then until the node thaws, in milliseconds. */
const THAWS_AFTER_MS = [200, 2_000, 5_000] as const;
const BACK_FOR_MS = 15_000;

/**
 * A pod moves to a node without pods, which freezes right before it mounts, is marked and fenced, and
 * thaws soon after; the write that ends its fence is under way for long.
 */
export const frozenInMount: FaultVariant = {
  forMs: [100_000, 120_000],
  isDirected: true,
  begin: (context, { volumeName, dice }) => {
    const { world, later } = context;
    const { cluster } = world;
    // Nothing is attached to a node that is fenced from another volume.
    const idle = idleNodeFor(context, volumeName);
    if (idle === undefined) return overAtOnce;
    const { target, plugin } = idle;
    const clearedAfterMs = pick(CLEARED_AFTER_MS, dice);
    const thawsAfterMs = pick(THAWS_AFTER_MS, diceAgain(dice, 1));
    let isThawing = false;
    const takeBack = plugin.strikeAt({ step: "mount", nth: 1, moment: "before" }, () => {
      world.azure.freeze(target);
      cordonOnly(context, target);
      later(NOTICED_MS, () => markOutOfService(context, target, true));
    });
    const endSlow = slowCallAt(context, world.controllers, { step: "end-fence", ms: clearedAfterMs }, () => {
      if (isThawing) return;
      isThawing = true;
      later(clearedAfterMs + thawsAfterMs, () => world.azure.thaw(target));
      later(clearedAfterMs + thawsAfterMs + BACK_FOR_MS, () => markOutOfService(context, target, false));
    });
    cordonAllBut(context, target);
    later(SEEN_MS, () => cluster.deletePod(volumeName, { isForced: false }));
    return () => {
      endSlow();
      takeBack();
      world.azure.thaw(target);
      markOutOfService(context, target, false);
      uncordonAll(context);
    };
  },
};
