import { diceAgain, type FaultVariant, nodeOfPod, pick } from "../../fault-class.ts";
import { markOutOfService } from "../../processes/mark-out-of-service.ts";

/** How often a person marks the node before, and how long after the freeze, in milliseconds. */
const MARKED_SHARE = 0.7;
const MARKED_AFTER_MS = [2_000, 20_000] as const;
/** From then until its Node is deleted, in milliseconds. */
const NODE_GOES_AFTER_MS = [1_000, 15_000, 40_000] as const;

/**
 * The pod's node freezes, and a person deletes its Node. Long after every component has given it up, its
 * machine thaws, with its mounts.
 */
export const frozenAndDeleted: FaultVariant = {
  forMs: [100_000, 240_000],
  isDirected: true,
  begin: (context, fault) => {
    const { world, later } = context;
    const { azure, cluster } = world;
    const nodeName = nodeOfPod(world, fault);
    const markedAfterMs = pick(MARKED_AFTER_MS, diceAgain(fault.dice, 1));
    azure.freeze(nodeName);
    if (diceAgain(fault.dice, 3) < MARKED_SHARE)
      later(markedAfterMs, () => markOutOfService(context, nodeName, true));
    later(markedAfterMs + pick(NODE_GOES_AFTER_MS, diceAgain(fault.dice, 2)), () =>
      cluster.deleteNode(nodeName),
    );
    return () => azure.thaw(nodeName);
  },
};
