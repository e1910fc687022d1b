import { diceAgain, type FaultVariant, nodeOfPod, overAtOnce } from "../../fault-class.ts";
import { addInPlaceOf, nextNameOf, scaleIn } from "./replaced-by-another.ts";

/** How often the pod is moved away first: an autoscaler drains, a spot eviction does not. */
const DRAINED_SHARE = 0.5;
const DRAINED_FOR_MS = 5_000;
const LOOK_EVERY_MS = 500;

/**
 * The pod's node is scaled in, and a node of another name gets its resource id at once: a scale set may
 * give the ids of deleted instances to new ones.
 */
export const instanceReused: FaultVariant = {
  forMs: [90_000, 180_000],
  isDirected: true,
  begin: (context, fault) => {
    const { world, later, when } = context;
    const { azure, cluster } = world;
    const nodeName = nodeOfPod(world, fault);
    const vm = azure.vmOf(nodeName);
    if (vm === undefined || azure.machineOf(nextNameOf(nodeName)) !== undefined) return overAtOnce;
    const isDrained = diceAgain(fault.dice, 1) < DRAINED_SHARE;
    const addNext = (): void => {
      azure.reuseInstance(nodeName, nextNameOf(nodeName));
      addInPlaceOf(context, nodeName, vm.zones[0] ?? "");
    };
    if (isDrained) cluster.drain(nodeName);
    later(isDrained ? DRAINED_FOR_MS : 0, () => {
      scaleIn(context, nodeName);
      when(() => azure.vmOf(nodeName) === undefined, addNext, LOOK_EVERY_MS);
    });
    return overAtOnce;
  },
};
