import type { NodeIdentity } from "../api/node-identity.ts";
import { isSameNode } from "../api/node-identity.ts";
import { type ObservedVolume, recordOf } from "../attachment/observed-volume.ts";
import { isUnconfirmed } from "./writer-steps.ts";

/**
 * Unverified nodes that have nothing by which they could show themselves clean: no device, as far as the
 * attachment tells, and so no LUN to look at. Such a node waits for an attach, which an unverified node is
 * refused; only Azure can say that the disk is not there. Nodes that only their own notes name are asked
 * about, too: they may not claim before Azure lists the disk on their VM. Empty while anybody is being cut
 * off: one after the other.
 */
export function planProofs(observed: ObservedVolume): readonly NodeIdentity[] {
  const record = recordOf(observed);
  if (record === undefined || record.fencing !== undefined) return [];
  return record.unverified.filter((node) => {
    const present = observed.node(node.nodeName);
    // Who is no node of ours, or another VM by now, is asked about elsewhere.
    if (present === undefined) return false;
    // Whatever its AzDriverNode says by now: a node can hold up no other by its own word.
    return isUnconfirmed(record, node) || (isSameNode(present, node) && !hasDevice(observed, node));
  });
}

function hasDevice({ attachments }: ObservedVolume, node: NodeIdentity): boolean {
  const status = attachments.find(({ attachment }) => attachment.spec.nodeName === node.nodeName)?.attachment
    .status;
  return status?.state === "Attached" && status.deviceMissing !== true;
}
