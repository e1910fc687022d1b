import type { z } from "zod";
import type { DeepReadonly } from "./deep-readonly.ts";
import type { nodeIdentitySchema, placedNodeSchema, unprovenNodeSchema } from "./node-identity.schema.ts";

/** A node's name with its VM's GUID. */
export type NodeIdentity = DeepReadonly<z.infer<typeof nodeIdentitySchema>>;

/** A node's name with its VM's GUID, and where that VM was, as far as anybody has told. */
export type PlacedNode = DeepReadonly<z.infer<typeof placedNodeSchema>>;

/** A node that may have a disk, and whether anything but its own word says so. */
export type UnprovenNode = DeepReadonly<z.infer<typeof unprovenNodeSchema>>;

/** Whether two identities mean the same VM. GUIDs are compared without case, as Azure does. */
export function isSameNode(left: NodeIdentity, right: NodeIdentity): boolean {
  return left.nodeName === right.nodeName && left.vmId.toLowerCase() === right.vmId.toLowerCase();
}

/** Whether `nodes` holds `node`. */
export function includesNode(nodes: readonly NodeIdentity[], node: NodeIdentity): boolean {
  return nodes.some((other) => isSameNode(other, node));
}

/** `nodes` without `node`. */
export function withoutNode<T extends NodeIdentity>(nodes: readonly T[], node: NodeIdentity): readonly T[] {
  return nodes.filter((other) => !isSameNode(other, node));
}

/** `nodes` with `node`, once. */
export function withNode(nodes: readonly NodeIdentity[], node: NodeIdentity): readonly NodeIdentity[] {
  return [...withoutNode(nodes, node), { nodeName: node.nodeName, vmId: node.vmId }];
}

/** `nodes` with `node`, once. Where its VM was is kept, also where it is told only now, or was told only before. */
export function withPlacedNode(nodes: readonly PlacedNode[], node: PlacedNode): readonly PlacedNode[] {
  const instanceUri = node.instanceUri ?? nodes.find((other) => isSameNode(other, node))?.instanceUri;
  return [...withoutNode(nodes, node), { nodeName: node.nodeName, vmId: node.vmId, ...(instanceUri === undefined ? {} : { instanceUri }) }];
}
