import { strikeVm } from "../../../src/emulator/model/vm-events.ts";
import { type FaultVariant, overAtOnce, pick } from "../fault-class.ts";

/** How often the VM falls back to that state, in milliseconds: each update that succeeds ends it. */
const AGAIN_MS = 5_000;

/** A VM is in state Failed, as after an update of others that Azure could not carry out: it runs, what it lists is so, and its ETag has moved. */
export const vmFailed: FaultVariant = {
  forMs: [20_000, 90_000],
  isDirected: true,
  begin: ({ world, later, nodeNames }, { dice, forMs }) => {
    const { model } = world.azure;
    const nodeName = pick(nodeNames, dice);
    const fail = (): void => {
      const vm = [...model.world.virtualMachines.values()].find(({ name }) => name === nodeName);
      if (vm !== undefined && vm.provisioningState !== "Deleting") strikeVm(model.world, vm, "ProvisioningFailure");
    };
    for (let atMs = 0; atMs < forMs; atMs += AGAIN_MS) later(atMs, fail);
    return overAtOnce;
  },
};
