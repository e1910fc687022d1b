import { type CandidateNode, type FindNode, isBarred, type PodVolume } from "./pod-volume.ts";
import { whyUnreachable } from "./why-unreachable.ts";

/** Why a node is not offered for a pod. */
export type RemovalReason = "no-plug-in" | "not-ready" | "silent" | "quarantine" | "unreachable" | "no-slot";

/** A node that is not offered. */
export interface RemovedNode {
  readonly nodeName: string;
  readonly because: RemovalReason;
}

/** Which nodes a pod is offered, in the order asked, and which not. */
export interface FilteredNodes {
  readonly passed: readonly string[];
  readonly removed: readonly RemovedNode[];
}

/**
 * Removes the nodes that can't take a pod's volumes. Never all of them: what this process knows may be old, and a pod that waits on a node has a reason
 * that people can read, while a pod without nodes has none. Costs the pod's volumes times the nodes' names.
 */
export function filterNodes(request: {
  readonly nodeNames: readonly string[];
  readonly volumes: readonly PodVolume[];
  readonly findNode: FindNode;
}): FilteredNodes {
  const { nodeNames, volumes, findNode } = request;
  if (volumes.length === 0) return { passed: nodeNames, removed: [] };
  const passed: string[] = [];
  const removed: RemovedNode[] = [];
  for (const nodeName of nodeNames) {
    const because = reasonAgainst(findNode(nodeName), volumes);
    if (because === undefined) passed.push(nodeName);
    else removed.push({ nodeName, because });
  }
  return passed.length === 0 ? { passed: nodeNames, removed: [] } : { passed, removed };
}

/** Whether the node could take the pod if others left it: only pods that go free slots. */
export function mayPreemptionHelp(because: RemovalReason): boolean {
  return because === "no-slot";
}

function reasonAgainst(node: CandidateNode | undefined, volumes: readonly PodVolume[]): RemovalReason | undefined {
  if (node === undefined) return "no-plug-in";
  if (node.health !== "healthy") return node.health;
  for (const volume of volumes) {
    if (isBarred(volume, node)) return "quarantine";
    if (volume.disk !== undefined && whyUnreachable(volume.disk, node) !== undefined) return "unreachable";
  }
  return hasSlots(node, volumes) ? undefined : "no-slot";
}

/** Whether all of the pod's volumes fit beside those that have to stay. Those that hold a slot there already need none, however full the node is. */
function hasSlots(node: CandidateNode, volumes: readonly PodVolume[]): boolean {
  let needed = 0;
  let ownFirm = 0;
  for (const { attachments } of volumes) {
    const attachment = attachments.get(node.nodeName);
    if (attachment === undefined || !attachment.holdsSlot) needed++;
    if (attachment?.isFirm === true) ownFirm++;
  }
  return needed === 0 || node.firmAttachments - ownFirm + volumes.length <= node.volumesMax;
}
