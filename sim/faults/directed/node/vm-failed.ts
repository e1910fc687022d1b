import { type FaultVariant, overAtOnce, pick } from "../../fault-class.ts";

/** How often the VM falls back to that state, in milliseconds: each update that succeeds ends it. */
const AGAIN_MS = 5_000;

/** A VM is in state Failed, as after updates of others that Azure could not carry out. */
export const vmFailed: FaultVariant = {
  forMs: [20_000, 90_000],
  isDirected: true,
  begin: ({ world, later, nodeNames }, { dice, forMs }) => {
    const nodeName = pick(nodeNames, dice);
    for (let atMs = 0; atMs < forMs; atMs += AGAIN_MS) later(atMs, () => world.azure.failVm(nodeName));
    return overAtOnce;
  },
};
