import type { AzDriverNode, NodeStatus } from "../../core/api/az-driver-node.ts";
import { identity } from "../../core/testing/objects.ts";

/** A healthy node with nothing mounted. */
export function aDriverNode(nodeName: string, status: Partial<NodeStatus> = {}): AzDriverNode {
  return {
    metadata: {
      name: nodeName,
      uid: `uid-${nodeName}`,
      resourceVersion: "1",
      generation: 1,
      creationTimestamp: "2026-01-01T00:00:00.000Z",
    },
    spec: { nodeName },
    status: {
      lastHeartbeatTime: "2026-01-01T00:00:00.000Z",
      heartbeat: 1,
      readyForVolumeAllocation: true,
      statusMessage: "",
      conditions: [],
      maxVolumes: 8,
      location: "eastus",
      zone: "1",
      busType: "SCSI",
      vmId: identity(nodeName).vmId,
      instanceUri: identity(nodeName).instanceUri,
      volumes: [],
      ...status,
    },
  };
}
