import { identity } from "../../testing/objects.ts";
import type { CandidateNode, FindNode, PodVolume, PodVolumeAttachment } from "../pod-volume.ts";

/** A healthy node in zone 1 with room for eight disks. */
export function aCandidate(nodeName: string, overrides: Partial<CandidateNode> = {}): CandidateNode {
  return {
    ...identity(nodeName),
    location: "eastus",
    zone: "1",
    health: "healthy",
    volumesMax: 8,
    firmAttachments: 0,
    isQuarantined: false,
    ...overrides,
  };
}

export function among(...nodes: readonly CandidateNode[]): FindNode {
  return (nodeName) => nodes.find((node) => node.nodeName === nodeName);
}

/** A single-writer disk in zone 1 without attachments. */
export function aPodVolume(overrides: Partial<PodVolume> = {}): PodVolume {
  return {
    disk: { location: "eastus", skuName: "Premium_LRS", zones: ["1"], platform: "linux" },
    barred: [],
    drawsToWriter: true,
    writer: undefined,
    attachments: new Map(),
    ...overrides,
  };
}

/** A disk that is attached as replica to each of the nodes. */
export function attachedTo(...nodeNames: readonly string[]): PodVolume {
  return aPodVolume({
    attachments: new Map(nodeNames.map((nodeName) => [nodeName, aReplicaNode(nodeName)])),
  });
}

export function aReplicaNode(
  nodeName: string,
  overrides: Partial<PodVolumeAttachment> = {},
): PodVolumeAttachment {
  return { vmId: identity(nodeName).vmId, isAttached: true, holdsSlot: true, isFirm: false, ...overrides };
}
