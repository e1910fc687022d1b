import {
  diceAgain,
  type FaultContext,
  type FaultVariant,
  nodeOfPod,
  overAtOnce,
  pick,
} from "../../fault-class.ts";

/**
 * From the drain, if any, until the VM is deleted, in milliseconds: an autoscaler waits for the pods, a
 * spot eviction does not.
 */
const DRAINED_FOR_MS = [0, 2_000, 15_000] as const;
/** From then until another VM is requested, in milliseconds. */
const NEXT_AFTER_MS = [0, 5_000, 30_000] as const;

/**
 * The pod's node is scaled in for good, with its VM, and one of another name is added: the old name never
 * returns.
 */
export const replacedByAnother: FaultVariant = {
  forMs: [90_000, 180_000],
  isDirected: true,
  begin: (context, fault) => {
    const { world, later } = context;
    const nodeName = nodeOfPod(world, fault);
    const vm = world.azure.vmOf(nodeName);
    if (vm === undefined) return overAtOnce;
    const isDrained = fault.dice < 0.5;
    if (isDrained) world.cluster.drain(nodeName);
    later(isDrained ? pick(DRAINED_FOR_MS, diceAgain(fault.dice, 1)) : 0, () => scaleIn(context, nodeName));
    later(pick(NEXT_AFTER_MS, diceAgain(fault.dice, 2)), () =>
      addInPlaceOf(context, nodeName, vm.zones[0] ?? ""),
    );
    return overAtOnce;
  },
};

/** Deletes a VM for good, and its Node once it is gone. */
export function scaleIn({ world }: Pick<FaultContext, "world">, nodeName: string): void {
  world.azure.deleteVm(nodeName);
  world.cluster.retireNode(nodeName);
}

/** The name of the node that is added in place of another. */
export function nextNameOf(nodeName: string): string {
  return `${nodeName}x`;
}

/** Another node, of another name. */
export function addInPlaceOf({ world }: Pick<FaultContext, "world">, nodeName: string, zone: string): void {
  const next = nextNameOf(nodeName);
  world.cluster.addNode(next, zone);
  world.azure.addVm(next, zone);
}
