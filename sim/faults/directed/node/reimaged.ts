import { diceAgain, type FaultVariant, nodeOfPod, overAtOnce, pick } from "../../fault-class.ts";
import { uncordonAll } from "../../processes/cordon.ts";

/** How often the node is drained first, as AKS does when it upgrades a node. */
const DRAINED_SHARE = 0.5;
/** From the drain until the reimage, in milliseconds: pods have gone, or are about to. */
const DRAINED_FOR_MS = [500, 3_000, 15_000] as const;
/** From one node of an upgrade to the next, in milliseconds. */
const UPGRADED_EVERY_MS = 40_000;

/**
 * The pod's node gets a new OS disk: the same VM with the same disks boots, and its plug-in's checkpoints
 * and its kubelet's folders are gone.
 */
export const reimaged: FaultVariant = {
  forMs: [60_000, 120_000],
  isDirected: true,
  begin: (context, fault) => {
    const { world, later } = context;
    const nodeName = nodeOfPod(world, fault);
    const isDrained = diceAgain(fault.dice, 1) < DRAINED_SHARE;
    if (isDrained) world.cluster.drain(nodeName);
    later(isDrained ? pick(DRAINED_FOR_MS, diceAgain(fault.dice, 2)) : 0, () =>
      world.azure.reimage(nodeName),
    );
    return isDrained ? () => world.cluster.setUnschedulable(nodeName, false) : overAtOnce;
  },
};

/** A node is drained, and its upgrade has not come yet when the storm is over. */
export const drainedForGood: FaultVariant = {
  forMs: [1_000, 2_000],
  isDirected: true,
  begin: ({ world }, fault) => {
    world.cluster.drain(nodeOfPod(world, fault));
    return overAtOnce;
  },
};

/** All nodes are upgraded one after the other, each drained, reimaged and put back into service. */
export const rollingReimage: FaultVariant = {
  forMs: [180_000, 300_000],
  isDirected: true,
  begin: (context, fault) => {
    const { world, nodeNames, later } = context;
    for (const [index, name] of nodeNames.entries()) {
      const atMs = index * UPGRADED_EVERY_MS;
      later(atMs, () => world.cluster.drain(name));
      later(atMs + pick(DRAINED_FOR_MS, diceAgain(fault.dice, index + 1)), () => world.azure.reimage(name));
      later(atMs + UPGRADED_EVERY_MS, () => world.cluster.setUnschedulable(name, false));
    }
    return () => uncordonAll(context);
  },
};
