import {
  type CandidateNode,
  type FindNode,
  isAttachedTo,
  isBarred,
  type PodVolume,
  type PodVolumeAttachment,
} from "./pod-volume.ts";

/** The highest score that kube-scheduler takes from an extender (extender/v1 MaxExtenderPriority). */
export const SCORE_MAX = 10;

/**
 * Scores nodes by the share of a pod's volumes that are attached there, as primary or replica: 10 where
 * all are, at least 1 where one is. Answers only the nodes with a score above 0. Costs the attachments of
 * the pod's volumes, however many nodes there are.
 */
export function scoreNodes(request: {
  readonly volumes: readonly PodVolume[];
  readonly findNode: FindNode;
}): ReadonlyMap<string, number> {
  const { volumes, findNode } = request;
  const attachedCounts = new Map<string, number>();
  for (const volume of volumes) {
    for (const [nodeName, attachment] of volume.attachments) {
      const node = findNode(nodeName);
      if (node !== undefined && isReadyOn(volume, attachment, node))
        attachedCounts.set(nodeName, (attachedCounts.get(nodeName) ?? 0) + 1);
    }
  }
  return new Map([...attachedCounts].map(([nodeName, count]) => [nodeName, scoreOf(count, volumes.length)]));
}

function scoreOf(attachedCount: number, volumeCount: number): number {
  return Math.max(1, Math.floor((SCORE_MAX * attachedCount) / volumeCount));
}

/** Whether a pod could use the volume on that node without an attach. */
function isReadyOn(volume: PodVolume, attachment: PodVolumeAttachment, node: CandidateNode): boolean {
  return isAttachedTo(attachment, node) && node.health === "healthy" && !isBarred(volume, node);
}
