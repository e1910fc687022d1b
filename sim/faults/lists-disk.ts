import { isSameResourceUri } from "../../src/core/model/disk-uri.ts";
import type { FaultContext } from "./fault-class.ts";

/** Whether Azure lists the disk on the node's VM, also while it comes or goes. */
export function listsDisk({ world }: Pick<FaultContext, "world">, nodeName: string, diskUri: string): boolean {
  const vms = [...world.azure.model.world.virtualMachines.values()];
  return vms.some((vm) => vm.name === nodeName && vm.dataDisks.some(({ diskId }) => isSameResourceUri(diskId, diskUri)));
}
