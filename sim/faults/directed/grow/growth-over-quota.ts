import type { SimAzure } from "../../../azure/sim-azure.ts";
import type { FaultVariant } from "../../fault-class.ts";
import { loweredLater } from "./lowered-later.ts";
import { withDisk } from "./with-disk.ts";

const REQUESTED_GIB = 96;
const LOWERED_GIB = 32;

/** A quota is used up: Azure grows no disk. A user asks for a size, and then for less. */
export const growthOverQuota: FaultVariant = {
  forMs: [80_000, 100_000],
  isDirected: true,
  begin: withDisk((context, fault, { diskUri, sizeGiB }) => {
    const end = overQuota(context.world.azure, diskUri);
    context.grow(fault.volumeName, sizeGiB + REQUESTED_GIB);
    const lower = loweredLater(context, fault, { sizeGiB, aboveGiB: LOWERED_GIB });
    return () => {
      lower();
      end();
    };
  }),
};

/** Has Azure refuse every growth of a disk. Returns how to end that. */
export function overQuota(azure: SimAzure, diskUri: string): () => void {
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
  return () => azure.model.faults.remove(rule.id);
}
