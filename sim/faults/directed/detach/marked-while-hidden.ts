import { vmOperations } from "../../../azure/vm-names.ts";
import type { SimWorld } from "../../../world.ts";
import { type FaultVariant, overAtOnce } from "../../fault-class.ts";
import { markOutOfService } from "../../processes/mark-out-of-service.ts";
import { runningOn } from "../mount/where-pods-are.ts";

/**
 * A machine freezes, and its node is marked out of service, while Azure does not show its VM as it is. The
 * machine thaws with the disk. `hide` returns how to show the VM again.
 */
function markedWhileHidden(hide: (world: SimWorld, nodeName: string) => () => void): FaultVariant {
  return {
    forMs: [40_000, 70_000],
    isDirected: true,
    begin: (context, { volumeName }) => {
      const { azure } = context.world;
      const nodeName = runningOn(context, volumeName);
      if (nodeName === undefined) return overAtOnce;
      const showAgain = hide(context.world, nodeName);
      azure.freeze(nodeName);
      markOutOfService(context, nodeName, true);
      return () => {
        showAgain();
        azure.thaw(nodeName);
        markOutOfService(context, nodeName, false);
      };
    },
  };
}

/**
 * Each read of the VM is answered 404, as Azure does when the resource group's own index and the compute
 * service disagree.
 */
export const markedWhileNotFound = markedWhileHidden(({ azure }, nodeName) => {
  const { faults } = azure.model;
  const { id } = faults.add({
    operation: vmOperations.read,
    resource: azure.instanceUriOf(nodeName),
    effect: {
      kind: "Error",
      status: 404,
      code: "NotFound",
      message: "The entity was not found in this Azure location.",
    },
  });
  return () => faults.remove(id);
});

/** The VM is shown without data disks. The disks name the VM. */
export const markedWhileUnlisted = markedWhileHidden(({ azure }, nodeName) =>
  azure.unlistDataDisks(nodeName),
);
