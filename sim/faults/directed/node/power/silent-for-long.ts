import { diceAgain, type FaultVariant, nodeOfPod } from "../../../fault-class.ts";

const FROZEN_SHARE = 0.6;
/** How long a person sees to it that the VM runs, once what silenced the node is over, in milliseconds. */
const REPAIRED_FOR_MS = 180_000;

/**
 * The pod's node is silent, and Azure shows its VM as running: it stands still, or works and is cut off from
 * the API server. No one marks it. Once that is over a person starts its VM, should it have been powered off.
 */
export const silentForLong: FaultVariant = {
  forMs: [110_000, 240_000],
  isDirected: true,
  begin: ({ world }, fault) => {
    const { azure, cluster } = world;
    const nodeName = nodeOfPod(world, fault);
    const isFrozen = diceAgain(fault.dice, 1) < FROZEN_SHARE;
    const setReachable = (isReachable: boolean): void => {
      cluster.setKubeletReachable(nodeName, isReachable);
      world.nodePlugin(nodeName)?.store.setReachable(isReachable);
    };
    if (isFrozen) azure.freeze(nodeName);
    else setReachable(false);
    return () => {
      if (isFrozen) azure.thaw(nodeName);
      else setReachable(true);
      azure.startOutside(nodeName, REPAIRED_FOR_MS);
    };
  },
};
