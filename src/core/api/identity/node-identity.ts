import type { z } from "zod";
import { isSameResourceUri } from "../../azure/ids/disk-uri.ts";
import type { DeepReadonly } from "../deep-readonly.ts";
import type { nodeIdentitySchema } from "../schema/node-identity.schema.ts";

/** A node's name, the GUID and resource id of its VM, and the uid of the orchestrator's node if known. */
export type NodeIdentity = DeepReadonly<z.infer<typeof nodeIdentitySchema>>;

/** What distinguishes two nodes. A VM keeps its GUID when it moves to another resource id. */
export type NodeKey = Pick<NodeIdentity, "nodeName" | "vmId">;

/** Only the identity of a larger object. */
export function identityOf({ nodeName, vmId, instanceUri, nodeUid }: NodeIdentity): NodeIdentity {
  return { nodeName, vmId, instanceUri, ...(nodeUid === undefined ? {} : { nodeUid }) };
}

/** Whether two GUIDs are of one VM. Compared without case, as Azure does; an unknown GUID matches none. */
export function isSameVmId(left: string | undefined, right: string): boolean {
  return left?.toLowerCase() === right.toLowerCase();
}

/** Whether two identities mean the same node: a VM under one name. */
export function isSameNode(left: NodeKey, right: NodeKey): boolean {
  return left.nodeName === right.nodeName && isSameVmId(left.vmId, right.vmId);
}

/**
 * Whether two identities mean the same VM, whatever its node is called: a host may register under another
 * name. The resource id must agree too, since a node's token may report any GUID.
 */
export function isSameVm(left: NodeIdentity, right: NodeIdentity): boolean {
  if (isSameNode(left, right)) return true;
  return isSameVmId(left.vmId, right.vmId) && isSameResourceUri(left.instanceUri, right.instanceUri);
}

/**
 * A VM that is no node of this cluster. A record names it by its whole resource id, so that no node of
 * this cluster with the same name can answer for it.
 */
export function isForeign(node: NodeIdentity): boolean {
  return node.nodeName.startsWith("/");
}

/** Whether `nodes` holds `node`. */
export function includesNode(nodes: readonly NodeKey[], node: NodeKey): boolean {
  return nodes.some((other) => isSameNode(other, node));
}

/**
 * The identity of `node`, with the uid from `nodes` where it has none. Without a uid, any token of its
 * name may move its entry.
 */
export function withUidFrom(nodes: readonly NodeIdentity[], node: NodeIdentity): NodeIdentity {
  const nodeUid =
    node.nodeUid ?? nodes.find((other) => other.nodeUid !== undefined && isSameNode(other, node))?.nodeUid;
  return identityOf(nodeUid === undefined ? node : { ...node, nodeUid });
}

/** Whether `node` is `known` at the same resource id, under another uid, which is known. */
export function lacksUidOf(node: NodeIdentity, known: NodeIdentity): boolean {
  if (known.nodeUid === undefined || node.nodeUid === known.nodeUid) return false;
  return isSameNode(node, known) && isSameResourceUri(node.instanceUri, known.instanceUri);
}
