import { type FaultVariant, overAtOnce } from "../fault-class.ts";
import { markOutOfService } from "../mark-out-of-service.ts";
import { runningOn } from "./where-pods-are.ts";

/** A machine freezes, and its node is marked out of service, while Azure shows its VM without data disks. The disks name the VM, and the machine thaws with them. */
export const markedWhileUnlisted: FaultVariant = {
  forMs: [40_000, 70_000],
  isDirected: true,
  begin: (context, { volumeName }) => {
    const { azure } = context.world;
    const nodeName = runningOn(context, volumeName);
    if (nodeName === undefined) return overAtOnce;
    const listAgain = azure.unlistDataDisks(nodeName);
    azure.freeze(nodeName);
    markOutOfService(context, nodeName, true);
    return () => {
      listAgain();
      azure.thaw(nodeName);
      markOutOfService(context, nodeName, false);
    };
  },
};
