import type { z } from "zod";
import type { DeepReadonly } from "./deep-readonly.ts";
import type { nodeIdentitySchema } from "./node-identity.schema.ts";

/** A node's name with its VM's GUID. */
export type NodeIdentity = DeepReadonly<z.infer<typeof nodeIdentitySchema>>;

/** Whether two identities mean the same VM. GUIDs are compared without case, as Azure does. */
export function isSameNode(left: NodeIdentity, right: NodeIdentity): boolean {
  return left.nodeName === right.nodeName && left.vmId.toLowerCase() === right.vmId.toLowerCase();
}

/** Whether `nodes` holds `node`. */
export function includesNode(nodes: readonly NodeIdentity[], node: NodeIdentity): boolean {
  return nodes.some((other) => isSameNode(other, node));
}

/** `nodes` without `node`. */
export function withoutNode(nodes: readonly NodeIdentity[], node: NodeIdentity): readonly NodeIdentity[] {
  return nodes.filter((other) => !isSameNode(other, node));
}

/** `nodes` with `node`, once. */
export function withNode(nodes: readonly NodeIdentity[], node: NodeIdentity): readonly NodeIdentity[] {
  return [...withoutNode(nodes, node), { nodeName: node.nodeName, vmId: node.vmId }];
}
