import { type FaultVariant, overAtOnce } from "../../fault-class.ts";

/**
 * From now on, until the end of the run, Azure moves a VM's ETag only with an update that changes the VM.
 * Azure documents no more than that.
 */
export const etagLeft: FaultVariant = {
  forMs: [20_000, 90_000],
  isDirected: true,
  begin: ({ world }) => {
    const { world: azureWorld } = world.azure.model;
    azureWorld.settings = { ...azureWorld.settings, etagMovedBy: "change" };
    return overAtOnce;
  },
};
