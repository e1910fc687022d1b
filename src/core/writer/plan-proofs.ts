import { isSameNode, type NodeIdentity } from "../api/identity/node-identity.ts";
import { isAttached, lunOn } from "../attachment/attachment-state.ts";
import { attachmentOn, type ObservedVolume, recordOf } from "../attachment/observed-volume.ts";
import { isNamed, nodesIn } from "./record/record-nodes.ts";

/**
 * Unverified nodes that can't show themselves clean: without a device, by their attachment, they have no
 * LUN to check. Such a node waits for an attach, which unverified nodes are refused, so only Azure can
 * clear it. Nodes named only by their own checkpoints are included: they may not reclaim before Azure
 * lists the disk on their VM. Empty while a node is being fenced: one after the other. Such a node gets no
 * disk of another volume either, as long as its place is not known (`may-attach-now.ts`).
 */
export function planProofs(observed: ObservedVolume): readonly NodeIdentity[] {
  const record = recordOf(observed);
  if (record === undefined || record.fencing !== undefined) return [];
  return nodesIn(record, "unverified").filter((node) => {
    const present = observed.node(node.nodeName);
    // VMs that are no node of this cluster, or another VM by now, are planned elsewhere.
    if (present === undefined) return false;
    // Whatever its AzDriverNode says now: a node's own word must not delay another node.
    return isNamed(record, node, "unconfirmed") || (isSameNode(present, node) && !hasDevice(observed, node));
  });
}

/** On this very VM: the attachment may name the place of an earlier VM of the name. */
function hasDevice(observed: ObservedVolume, node: NodeIdentity): boolean {
  const own = attachmentOn(observed, node.nodeName)?.attachment;
  return own !== undefined && isAttached(own) && lunOn(own, node) !== undefined;
}
