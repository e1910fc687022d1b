import {
  type CandidateNode,
  type FindNode,
  isAttachedTo,
  isBarred,
  isWritersNode,
  type PodVolume,
  type PodVolumeAttachment,
} from "./pod-volume.ts";

/** The highest score that kube-scheduler takes from an extender (extender/v1 MaxExtenderPriority). */
export const SCORE_MAX = 10;

/** What all of a pod's volumes count where they are attached. */
const ATTACHED_MAX = 5;
/** What the writer's node counts beside that: more than any other node can. */
const WRITERS_NODE = SCORE_MAX - ATTACHED_MAX;

/**
 * Scores nodes by the share of a pod's volumes that are attached there, as primary or replica: 5 where all
 * are, at least 1 where one is, and 5 more where one of them is written. Answers only the nodes with a score
 * above 0. Costs the attachments of the pod's volumes, however many nodes there are.
 */
export function scoreNodes(request: {
  readonly volumes: readonly PodVolume[];
  readonly findNode: FindNode;
}): ReadonlyMap<string, number> {
  const { volumes, findNode } = request;
  const attachedCounts = new Map<string, number>();
  const writersNodes = new Set<string>();
  for (const volume of volumes) {
    for (const [nodeName, attachment] of volume.attachments) {
      const node = findNode(nodeName);
      if (node === undefined || !isReadyOn(volume, attachment, node)) continue;
      attachedCounts.set(nodeName, (attachedCounts.get(nodeName) ?? 0) + 1);
      if (isWritersNode(volume, attachment, node)) writersNodes.add(nodeName);
    }
  }
  const scoreOf = (nodeName: string, attachedCount: number): number =>
    (writersNodes.has(nodeName) ? WRITERS_NODE : 0) +
    Math.max(1, Math.floor((ATTACHED_MAX * attachedCount) / volumes.length));
  return new Map([...attachedCounts].map(([nodeName, count]) => [nodeName, scoreOf(nodeName, count)]));
}

/** Whether a pod could use the volume on that node without an attach. */
function isReadyOn(volume: PodVolume, attachment: PodVolumeAttachment, node: CandidateNode): boolean {
  return isAttachedTo(attachment, node) && node.health === "healthy" && !isBarred(volume, node);
}
