import { type FaultVariant, overAtOnce } from "../../fault-class.ts";
import { loweredLater } from "./lowered-later.ts";

/** Azure grows no disk across this size while a VM has it, in GiB. */
const BOUNDARY_GIB = 4_095;
const STEP_GIB = 32;

/** A user asks for a size that Azure grants no disk in use, and then for less. */
export const grownAcrossBoundary: FaultVariant = {
  forMs: [50_000, 70_000],
  isDirected: true,
  begin: (context, fault) => {
    const { volumeName } = fault;
    const sizeGiB = context.world.cluster.sizeOf(volumeName);
    if (sizeGiB === undefined || sizeGiB > BOUNDARY_GIB) return overAtOnce;
    context.grow(volumeName, BOUNDARY_GIB + STEP_GIB);
    return loweredLater(context, fault, { sizeGiB, aboveGiB: STEP_GIB });
  },
};
