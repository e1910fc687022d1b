import { isSameResourceUri } from "../../../src/core/azure/ids/disk-uri.ts";
import type { FaultContext } from "../fault-class.ts";

/** Whether Azure lists the disk on the node's VM, also while it is being attached or detached. */
export function listsDisk(
  { world }: Pick<FaultContext, "world">,
  nodeName: string,
  diskUri: string,
): boolean {
  return (
    world.azure.vmOf(nodeName)?.dataDisks.some(({ diskId }) => isSameResourceUri(diskId, diskUri)) ?? false
  );
}
