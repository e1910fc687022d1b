import type { LabNode } from "../../demo/lab/lab.ts";
import { type DemoVolume, stagingPath, targetPath } from "../../demo/volume-moves.ts";
import type {
  CreateVolumeRequest,
  NodePublishVolumeRequest,
  NodeStageVolumeRequest,
} from "../../src/csi/gen/csi/v1/csi.ts";
import { fileSystemForOneNode } from "./volume-use.ts";

export const GIB = 1024n ** 3n;

/** A request for a 1 GiB volume; a test overrides parts. */
export function createRequest(overrides: Partial<CreateVolumeRequest>): CreateVolumeRequest {
  const topology = [{ segments: { "topology.disk.csi.azure.com/zone": "eastus-1" } }];
  return {
    name: "asked",
    capacityRange: { requiredBytes: GIB, limitBytes: 0n },
    volumeCapabilities: [fileSystemForOneNode("ext4")],
    parameters: { skuName: "Premium_LRS" },
    secrets: {},
    volumeContentSource: undefined,
    accessibilityRequirements: { requisite: topology, preferred: topology },
    mutableParameters: {},
    ...overrides,
  };
}

/** A request to stage a volume; a test overrides parts. */
export function stageRequest(
  volume: DemoVolume,
  node: LabNode,
  overrides: Partial<NodeStageVolumeRequest> = {},
): NodeStageVolumeRequest {
  return {
    volumeId: volume.volumeId,
    publishContext: {},
    stagingTargetPath: stagingPath(node, volume),
    volumeCapability: volume.capability,
    secrets: {},
    volumeContext: { ...volume.volumeContext },
    ...overrides,
  };
}

/** A request to publish a staged volume; a test overrides parts. */
export function nodePublishRequest(
  volume: DemoVolume,
  node: LabNode,
  overrides: Partial<NodePublishVolumeRequest> = {},
): NodePublishVolumeRequest {
  return {
    ...stageRequest(volume, node),
    targetPath: targetPath(node, volume),
    readonly: false,
    ...overrides,
  };
}
