import { type FaultVariant, overAtOnce, pick } from "../../fault-class.ts";

/** How often the VM returns to that state, in milliseconds: each successful update ends it. */
const AGAIN_MS = 5_000;

/** A VM is in state Failed, as after another client's update that Azure could not carry out. */
export const vmFailed: FaultVariant = {
  forMs: [20_000, 90_000],
  isDirected: true,
  begin: ({ world, later, nodeNames }, { dice, forMs }) => {
    const nodeName = pick(nodeNames, dice);
    for (let atMs = 0; atMs < forMs; atMs += AGAIN_MS) later(atMs, () => world.azure.failVm(nodeName));
    return overAtOnce;
  },
};
