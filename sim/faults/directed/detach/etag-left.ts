import type { SimWorld } from "../../../world.ts";
import { type FaultVariant, overAtOnce } from "../../fault-class.ts";

/**
 * From now on, until the end of the run, Azure moves a VM's ETag only with an update that changes the VM.
 * Azure documents no more than that.
 */
export const etagLeft: FaultVariant = {
  forMs: [20_000, 90_000],
  isDirected: true,
  begin: ({ world }) => {
    moveEtagsBy(world, "change");
    return overAtOnce;
  },
};

/**
 * The same for a while. For instances of a uniform scale set the driver has no update that moves an ETag
 * then: what it could prove only so has to wait.
 */
export const etagLeftForAWhile: FaultVariant = {
  forMs: [60_000, 180_000],
  isDirected: true,
  begin: ({ world }) => {
    moveEtagsBy(world, "change");
    return () => moveEtagsBy(world, "update");
  },
};

function moveEtagsBy({ azure }: SimWorld, etagMovedBy: "change" | "update"): void {
  const { world } = azure.model;
  world.settings = { ...world.settings, etagMovedBy };
}
