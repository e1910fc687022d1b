import { diceAgain, type FaultVariant, nodeOfPod, overAtOnce } from "../../fault-class.ts";

/**
 * The root disk of the pod's node takes no change any more, and the node's processes run on. Mostly an
 * operator reboots the machine, whose plug-in finds its checkpoints as they were before.
 */
export const rootDiskBreaks: FaultVariant = {
  forMs: [20_000, 150_000],
  isDirected: true,
  begin: ({ world }, fault) => {
    const machine = world.azure.machineOf(nodeOfPod(world, fault));
    if (machine === undefined) return overAtOnce;
    machine.rootDisk.isBroken = true;
    const isRebooted = diceAgain(fault.dice, 1) < 0.7;
    return () => {
      if (isRebooted && world.azure.machineOf(machine.nodeName) === machine)
        world.azure.reboot(machine.nodeName);
      machine.rootDisk.isBroken = false;
    };
  },
};
