import type { SimulatedStore } from "../../src/adapters/simulated-store/simulated-store.ts";
import { includesNode } from "../../src/core/api/identity/node-identity.ts";
import { resourceUriKey } from "../../src/core/azure/ids/disk-uri.ts";
import { filterNodes } from "../../src/core/schedule/filter-nodes.ts";
import type { CandidateNode, PodVolume } from "../../src/core/schedule/pod-volume.ts";
import { scoreNodes } from "../../src/core/schedule/score-nodes.ts";
import { attachmentFacts, nodeFacts, volumeFacts } from "../../src/scheduler-extender/facts.ts";
import type { SimClusterOptions } from "../kubernetes/sim-cluster.ts";

/**
 * The scheduler extender's response to a StatefulSet's pod: its own rules, on the current objects. It does
 * not detect silent nodes here.
 */
export function rankNodesBy(
  store: SimulatedStore,
  diskUriOf: (volumeName: string) => string | undefined,
): NonNullable<SimClusterOptions["rankNodes"]> {
  return (volumeName, nodeNames) => {
    const diskKey = resourceUriKey(diskUriOf(volumeName) ?? "");
    const attachments = store.objects("AzVolumeAttachment").map(attachmentFacts);
    const known = store.objects("AzVolume").map(volumeFacts);
    const barred = known.flatMap((facts) => facts.barred);
    const nodes = new Map<string, CandidateNode>();
    for (const node of store.objects("AzDriverNode")) {
      const { isReady, vmId, location, zone, volumesMax } = nodeFacts(node);
      const { nodeName } = node.spec;
      const firmAttachments = attachments.filter(
        (attachment) => attachment.nodeName === nodeName && attachment.isFirm,
      ).length;
      nodes.set(nodeName, {
        nodeName,
        vmId,
        location,
        zone,
        volumesMax,
        health: isReady ? "healthy" : "not-ready",
        firmAttachments,
        isQuarantined: includesNode(barred, { nodeName, vmId }),
      });
    }
    const volume = known.find((facts) => facts.diskKey === diskKey);
    const own = attachments
      .filter((attachment) => attachment.diskKey === diskKey)
      .map((attachment) => [attachment.nodeName, attachment] as const);
    const volumes: readonly PodVolume[] =
      volume === undefined ? [] : [{ ...volume, drawsToWriter: false, attachments: new Map(own) }];
    const offered = nodeNames.map((nodeName) => nodes.get(nodeName));
    const removed = filterNodes(offered, volumes);
    const scores = scoreNodes({ volumes, findNode: (nodeName) => nodes.get(nodeName) });
    return nodeNames.flatMap((nodeName, at) =>
      removed.has(at) ? [] : { nodeName, score: scores.get(nodeName) ?? 0 },
    );
  };
}
