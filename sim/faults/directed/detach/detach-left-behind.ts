import type { SimAzure } from "../../../azure/sim-azure.ts";
import { vmOperations } from "../../../azure/vm-names.ts";
import { type FaultVariant, overAtOnce } from "../../fault-class.ts";
import { runningOn } from "../mount/where-pods-are.ts";

/**
 * Another client asks Azure to detach a disk from the node whose pod writes to it, and that fails: the
 * entry stays in the VM's list, marked, and the next update of the VM carries it out, whatever its
 * purpose.
 */
export const detachLeftBehind: FaultVariant = {
  forMs: [30_000, 90_000],
  isDirected: true,
  begin: (context, { volumeName }) => {
    const { cluster, azure } = context.world;
    const diskUri = cluster.diskUriOf(volumeName);
    const home = runningOn(context, volumeName);
    if (diskUri === undefined || home === undefined) return overAtOnce;
    context.toRestart(volumeName);
    return failToDetachOutside(azure, home, diskUri);
  },
};

/** Another client's detach that fails. Returns how to make later ones succeed. */
export function failToDetachOutside(azure: SimAzure, nodeName: string, diskUri: string): () => void {
  const { id } = azure.model.faults.add({
    operation: vmOperations.attachDetach,
    disk: diskUri,
    times: 1,
    effect: { kind: "FailOperation", code: "DetachFailed" },
  });
  azure.detachOutside(nodeName, diskUri);
  return () => void azure.model.faults.remove(id);
}
