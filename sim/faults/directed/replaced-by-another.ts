import { diceAgain, type FaultVariant, nodeOfPod, overAtOnce, pick } from "../fault-class.ts";

/** From the drain, where there is one, until the VM is deleted, in milliseconds: an autoscaler waits for the pods, a spot VM for nobody. */
const DRAINED_FOR_MS = [0, 2_000, 15_000] as const;
/** From there until another VM is asked for, in milliseconds. */
const NEXT_AFTER_MS = [0, 5_000, 30_000] as const;

/** The pod's node is scaled in for good, with its VM, and another one of another name comes: nothing of the old name is ever heard of again. */
export const replacedByAnother: FaultVariant = {
  forMs: [90_000, 180_000],
  isDirected: true,
  begin: (context, fault) => {
    const { world, later } = context;
    const { azure, cluster } = world;
    const nodeName = nodeOfPod(world, fault);
    const vm = azure.vmOf(nodeName);
    if (vm === undefined) return overAtOnce;
    const zone = vm.zones[0] ?? "";
    const isDrained = fault.dice < 0.5;
    if (isDrained) cluster.drain(nodeName);
    later(isDrained ? pick(DRAINED_FOR_MS, diceAgain(fault.dice, 1)) : 0, () => {
      azure.deleteVm(nodeName);
      cluster.retireNode(nodeName);
    });
    later(pick(NEXT_AFTER_MS, diceAgain(fault.dice, 2)), () => {
      const next = `${nodeName}x`;
      cluster.addNode(next, zone);
      azure.addVm(next, zone);
    });
    return overAtOnce;
  },
};
