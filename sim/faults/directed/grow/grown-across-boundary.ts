import { type FaultVariant, overAtOnce, pick } from "../../fault-class.ts";

/** Azure grows no disk across this size while a VM has it, in GiB. */
const BOUNDARY_GIB = 4_095;
const STEP_GIB = 32;
/** How long after the request its user reads why it is refused, and lowers it, in milliseconds. */
const LOWERED_AFTER_MS = [15_000, 30_000, 45_000] as const;

/** A user asks for a size that Azure grants no disk in use, and then for less. */
export const grownAcrossBoundary: FaultVariant = {
  forMs: [50_000, 70_000],
  isDirected: true,
  begin: ({ world: { cluster }, later, act, grow }, { volumeName, dice }) => {
    const sizeGiB = cluster.sizeOf(volumeName);
    if (sizeGiB === undefined || sizeGiB > BOUNDARY_GIB) return overAtOnce;
    grow(volumeName, BOUNDARY_GIB + STEP_GIB);
    const lower = (): void =>
      act({ kind: "lower", volumeName, sizeGiB: (cluster.sizeOf(volumeName) ?? sizeGiB) + STEP_GIB });
    later(pick(LOWERED_AFTER_MS, dice), lower);
    return lower;
  },
};
