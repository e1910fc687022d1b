import { diceAgain, type FaultVariant, nodeOfPod, pick } from "../../fault-class.ts";

/** From the drain, where there is one, until the VM stops, in milliseconds. */
const DRAINED_FOR_MS = [2_000, 15_000] as const;
/** From then until its Node is deleted, in milliseconds. */
const NODE_GOES_AFTER_MS = [1_000, 30_000] as const;

/**
 * The pod's node is scaled in and kept for later: its VM stops with its disks attached, its Node is
 * deleted, and later it returns as the same machine.
 */
export const putAway: FaultVariant = {
  forMs: [90_000, 200_000],
  isDirected: true,
  begin: ({ world, later }, fault) => {
    const { azure, cluster } = world;
    const nodeName = nodeOfPod(world, fault);
    const isDrained = fault.dice < 0.7;
    if (isDrained) cluster.drain(nodeName);
    later(isDrained ? pick(DRAINED_FOR_MS, diceAgain(fault.dice, 1)) : 0, () => {
      azure.losePower(nodeName, { isSilent: false });
      later(pick(NODE_GOES_AFTER_MS, diceAgain(fault.dice, 2)), () => cluster.deleteNode(nodeName));
    });
    return () => azure.powerOn(nodeName);
  },
};
