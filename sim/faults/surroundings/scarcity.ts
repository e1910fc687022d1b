import { vmOperations } from "../../azure/vm-names.ts";
import type { FaultClass } from "../fault-class.ts";
import { listsDisk } from "./lists-disk.ts";

/** Exhausted limits: no share, no LUN, no quota. */
export const scarcity: FaultClass = {
  name: "scarcity",
  about: "all shares of a disk are used, a node has no free slot, the quota is exhausted",
  variants: {
    "shares-taken": {
      forMs: [20_000, 90_000],
      begin: (context, { volumeName }) => {
        const { world, nodeNames, toRestart } = context;
        const diskUri = world.cluster.diskUriOf(volumeName);
        if (diskUri === undefined) return () => undefined;
        const others = nodeNames.filter((name) => !listsDisk(context, name, diskUri));
        toRestart(volumeName);
        for (const name of others) world.azure.attachOutside(name, diskUri);
        return () => {
          for (const name of others) world.azure.detachOutside(name, diskUri);
        };
      },
    },
    "no-free-slot": {
      forMs: [20_000, 90_000],
      begin: ({ world }, { nodeName }) => {
        const { id } = world.azure.model.faults.add({
          operation: vmOperations.update,
          resource: world.azure.instanceUriOf(nodeName),
          effect: {
            kind: "Error",
            status: 409,
            code: "OperationNotAllowed",
            message: "The maximum number of data disks allowed to be attached to a VM of this size is 8.",
            target: "dataDisks",
          },
        });
        return () => world.azure.model.faults.remove(id);
      },
    },
    "no-quota": {
      forMs: [20_000, 90_000],
      begin: ({ world }) => {
        const { id } = world.azure.model.faults.add({
          operation: "Disks_CreateOrUpdate",
          effect: {
            kind: "Error",
            status: 409,
            code: "OperationNotAllowed",
            message:
              "Operation could not be completed as it results in exceeding approved PremiumDiskCount quota.",
          },
        });
        return () => world.azure.model.faults.remove(id);
      },
    },
  },
};
