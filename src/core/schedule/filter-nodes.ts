import { isSameVmId } from "../api/identity/node-identity.ts";
import {
  type CandidateNode,
  isAttachedTo,
  isBarred,
  type NewClone,
  type PodVolume,
  type PodVolumeAttachment,
} from "./pod-volume.ts";
import { isForPlatformOf, isInPlaceOf } from "./why-unreachable.ts";

/** Every reason for which a node is not offered for a pod. */
export const removalReasons = [
  "no-plug-in",
  "not-ready",
  "silent",
  "quarantine",
  "unreachable",
  "other-platform",
  "away-from-source",
  "no-slot",
] as const;

/** Why a node is not offered for a pod, as a kind of reason. */
export type RemovalReason = (typeof removalReasons)[number];

/** Why a node is not offered for a pod: the clone, where the node is away from its source. */
export type Removal = Exclude<RemovalReason, "away-from-source"> | NewClone;

/** The kind of a reason. */
export function reasonOf(removal: Removal): RemovalReason {
  return typeof removal === "string" ? removal : "away-from-source";
}

/**
 * Which of the nodes offered for a pod can't take its volumes, by their index in `nodes`; undefined
 * stands for a node without a registered node plug-in. Where that is all of them, only those are removed
 * that Azure never attaches a disk to, or whose plug-in is missing for good, as `lacksPlugIn` says: a pod
 * on such a node would stay there for ever. What keeps it from the others passes, often before the
 * scheduler tries again, or this process's data is old. Costs the pod's volumes times the nodes.
 */
export function filterNodes(
  nodes: readonly (CandidateNode | undefined)[],
  volumes: readonly PodVolume[],
  lacksPlugIn: (at: number) => boolean = () => false,
): ReadonlyMap<number, Removal> {
  if (volumes.length === 0) return new Map();
  const removed = removedFor(nodes, (node) => reasonAgainst(node, volumes));
  if (removed.size < nodes.length) return removed;
  return removedFor(nodes, (node, at) => reasonForGood(node, volumes, () => lacksPlugIn(at)));
}

/**
 * Which of the nodes can't take a pod's volumes whatever pods leave them, by their index in `nodes`, even if
 * that is all of them. For nodes that a scheduler would evict pods for, or has done so: it looks at such a
 * node alone, and at all others where this one is removed.
 */
export function filterNodesForPreemption(
  nodes: readonly (CandidateNode | undefined)[],
  volumes: readonly PodVolume[],
): ReadonlyMap<number, Removal> {
  if (volumes.length === 0) return new Map();
  return removedFor(nodes, (node) => {
    const because = reasonAgainst(node, volumes);
    return because !== undefined && mayPreemptionHelp(because) ? undefined : because;
  });
}

/** The nodes against which there is a reason, by their index. */
function removedFor(
  nodes: readonly (CandidateNode | undefined)[],
  reasonOf: (node: CandidateNode | undefined, at: number) => Removal | undefined,
): ReadonlyMap<number, Removal> {
  const removed = new Map<number, Removal>();
  for (let at = 0; at < nodes.length; at++) {
    const because = reasonOf(nodes[at], at);
    if (because !== undefined) removed.set(at, because);
  }
  return removed;
}

/** A node that has not reported where it is may be anywhere. */
function reasonForGood(
  node: CandidateNode | undefined,
  volumes: readonly PodVolume[],
  lacksPlugIn: () => boolean,
): Removal | undefined {
  if (node === undefined) return lacksPlugIn() ? "no-plug-in" : undefined;
  if (node.location === "") return undefined;
  for (const volume of volumes) {
    const outOfReach = removalOutOfReach(volume, node);
    if (outOfReach !== undefined) return outOfReach;
  }
  return undefined;
}

function removalOutOfReach({ disk, clone }: PodVolume, node: CandidateNode): Removal | undefined {
  if (disk === undefined) return undefined;
  if (!isInPlaceOf(disk, node)) return clone ?? "unreachable";
  return isForPlatformOf(disk, node) ? undefined : "other-platform";
}

/** Whether the node could take the pod if other pods left it: only those free slots. */
export function mayPreemptionHelp(because: Removal): boolean {
  return because === "no-slot";
}

function reasonAgainst(node: CandidateNode | undefined, volumes: readonly PodVolume[]): Removal | undefined {
  if (node === undefined) return "no-plug-in";
  if (node.health !== "healthy") return node.health;
  for (const volume of volumes) {
    if (isBarred(volume, node)) return "quarantine";
    if (node.isQuarantined && !isAttachedTo(volume.attachments.get(node.nodeName), node)) return "quarantine";
    const outOfReach = removalOutOfReach(volume, node);
    if (outOfReach !== undefined) return outOfReach;
  }
  return hasSlots(node, volumes) ? undefined : "no-slot";
}

/**
 * Whether all of the pod's volumes fit beside those that must stay. Volumes that hold a slot there need
 * no other, however full the node is.
 */
function hasSlots(node: CandidateNode, volumes: readonly PodVolume[]): boolean {
  // Most nodes have room for all of them: their attachments, which take most of the time, decide nothing.
  if (node.firmAttachments + volumes.length <= node.volumesMax) return true;
  let needed = 0;
  let ownFirm = 0;
  for (const { attachments } of volumes) {
    const attachment = attachments.get(node.nodeName);
    if (!holdsSlotOf(attachment, node)) needed++;
    if (attachment?.isFirm === true) ownFirm++;
  }
  return needed === 0 || node.firmAttachments - ownFirm + volumes.length <= node.volumesMax;
}

/** A disk that an earlier VM of the node's name has takes no slot of this one yet. */
function holdsSlotOf(attachment: PodVolumeAttachment | undefined, { vmId }: CandidateNode): boolean {
  if (attachment?.holdsSlot !== true) return false;
  return attachment.vmId === undefined || isSameVmId(attachment.vmId, vmId);
}
