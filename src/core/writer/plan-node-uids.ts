import type { WriterRecord } from "../api/az-volume.ts";
import { identityOf, lacksUidOf } from "../api/identity/node-identity.ts";
import type { ObservedVolume } from "../attachment/observed-volume.ts";
import { nodesNotOnlyClean } from "./record/record-nodes.ts";
import type { WriterAction } from "./writer-action.ts";

/**
 * Gives a node's entries the uid of its orchestrator's node: that object was recreated, or the entry is
 * older than the uid. A VM with the name of another one gets none of its entries, since resource id and
 * `vmId` must agree.
 */
export function planNodeUids(
  observed: Pick<ObservedVolume, "node">,
  record: WriterRecord,
): readonly WriterAction[] {
  const entries = nodesNotOnlyClean(record);
  return [...new Set(entries.map(({ nodeName }) => nodeName))].flatMap(
    (nodeName): readonly WriterAction[] => {
      const node = observed.node(nodeName);
      if (node === undefined || !entries.some((entry) => lacksUidOf(entry, node))) return [];
      return [{ kind: "Identify", node: identityOf(node) }];
    },
  );
}
