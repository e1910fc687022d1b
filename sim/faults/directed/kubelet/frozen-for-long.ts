import { diceAgain, type FaultVariant, nodeOfPod } from "../../fault-class.ts";

const FORCED_AFTER_MS = 5_000;
const FORCED_SHARE = 0.8;

/**
 * The pod's node stands still for longer than the six minutes after which Kubernetes takes its volumes away
 * by force, as for a host's maintenance that keeps the memory, and no one marks it. A person deletes the pod
 * by force. Then the node continues with what it had in its cache.
 */
export const frozenForLong: FaultVariant = {
  forMs: [380_000, 480_000],
  isDirected: true,
  begin: (context, fault) => {
    const { azure, cluster } = context.world;
    const nodeName = nodeOfPod(context.world, fault);
    azure.freeze(nodeName);
    if (diceAgain(fault.dice, 1) < FORCED_SHARE)
      context.later(FORCED_AFTER_MS, () => cluster.deletePod(fault.volumeName, { isForced: true, nodeName }));
    return () => azure.thaw(nodeName);
  },
};
