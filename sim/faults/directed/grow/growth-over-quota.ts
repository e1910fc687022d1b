import { type FaultVariant, overAtOnce, pick } from "../../fault-class.ts";

const ASKED_GIB = 96;
const LOWERED_GIB = 32;
/** How long after the request its user reads why it is refused, and lowers it, in milliseconds. */
const LOWERED_AFTER_MS = [15_000, 30_000, 45_000] as const;

/** A quota is used up: Azure grows no disk. A user asks for a size, and then for less. */
export const growthOverQuota: FaultVariant = {
  forMs: [80_000, 100_000],
  isDirected: true,
  begin: ({ world, later, act, grow }, { volumeName, dice }) => {
    const { cluster, azure } = world;
    const [diskUri, sizeGiB] = [cluster.diskUriOf(volumeName), cluster.sizeOf(volumeName)];
    if (diskUri === undefined || sizeGiB === undefined) return overAtOnce;
    const rule = azure.model.faults.add({
      operation: "Disks_Update",
      resource: diskUri,
      effect: {
        kind: "Error",
        status: 409,
        code: "OperationNotAllowed",
        message: "Operation could not be completed as it results in exceeding approved DiskSizeGB quota.",
      },
    });
    grow(volumeName, sizeGiB + ASKED_GIB);
    const lower = (): void =>
      act({ kind: "lower", volumeName, sizeGiB: (cluster.sizeOf(volumeName) ?? sizeGiB) + LOWERED_GIB });
    later(pick(LOWERED_AFTER_MS, dice), lower);
    return () => {
      lower();
      azure.model.faults.remove(rule.id);
    };
  },
};
