import type { WriterRecord } from "../../api/az-volume.ts";
import { isForeign, type NodeIdentity } from "../../api/identity/node-identity.ts";
import { isSameResourceUri } from "../../azure/ids/disk-uri.ts";
import { nodesIn } from "./record-nodes.ts";

/** A node as the orchestrator reports it. */
export interface NodeOnVm {
  readonly nodeName: string;
  /** The resource id of its VM; undefined: the orchestrator does not report one. */
  readonly instanceUri: string | undefined;
  /** No node of that name exists, or its workloads are dead. */
  readonly isLost: boolean;
}

/**
 * The unverified entries of a record that may be of the VM of a node. An entry under another name is of that
 * VM if it has the resource id that the orchestrator reports. Without one, each VM outside the cluster may be
 * the node's. A lost node without a resource id has none of these: nothing can show which VM it was.
 */
export function unverifiedOn(
  record: WriterRecord | undefined,
  { nodeName, instanceUri, isLost }: NodeOnVm,
): readonly NodeIdentity[] {
  return nodesIn(record, "unverified").filter((entry) => {
    if (entry.nodeName === nodeName) return true;
    if (instanceUri !== undefined) return isSameResourceUri(entry.instanceUri, instanceUri);
    return !isLost && isForeign(entry);
  });
}
