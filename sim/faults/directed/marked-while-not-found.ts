import { type FaultVariant, overAtOnce } from "../fault-class.ts";
import { markOutOfService } from "../mark-out-of-service.ts";
import { runningOn } from "./where-pods-are.ts";

/**
 * A machine freezes, and its node is marked out of service, while Azure answers 404 to each read of its VM. The VM is there, and the machine thaws with the disk.
 * Azure gives such an answer where the resource group's own index and the compute service disagree.
 */
export const markedWhileNotFound: FaultVariant = {
  forMs: [40_000, 70_000],
  isDirected: true,
  begin: (context, { volumeName }) => {
    const { azure } = context.world;
    const nodeName = runningOn(context, volumeName);
    if (nodeName === undefined) return overAtOnce;
    const { faults } = azure.model;
    const { id } = faults.add({
      operation: "VirtualMachines_Get",
      resource: azure.instanceUriOf(nodeName),
      effect: { kind: "Error", status: 404, code: "NotFound", message: "The entity was not found in this Azure location." },
    });
    azure.freeze(nodeName);
    markOutOfService(context, nodeName, true);
    return () => {
      faults.remove(id);
      azure.thaw(nodeName);
      markOutOfService(context, nodeName, false);
    };
  },
};
