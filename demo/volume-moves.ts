import type {
  ControllerPublishVolumeRequest,
  VolumeCapability,
  VolumeContentSource,
} from "../src/csi/gen/csi/v1/csi.ts";
import type { CallOptions } from "./lab/csi-clients.ts";
import type { Lab, LabNode } from "./lab/lab.ts";

/** A volume of the demo. */
export interface DemoVolume {
  readonly volumeId: string;
  readonly name: string;
  readonly volumeContext: Readonly<Record<string, string>>;
  readonly capability: VolumeCapability;
}

/**
 * When a VM freezes, its kernel freezes too. Here all nodes share one kernel, so the file system's journal
 * must not commit by itself while "the VM" is frozen.
 */
const COMMIT_BY_FSYNC_ONLY = "commit=600";

/**
 * A file system for one node, which writes nothing by itself while "the VM" of that node is frozen. XFS has
 * no option for that: its log is written every 30 seconds, until the fence.
 */
export function committedByFsync(fsType: "ext4" | "btrfs" | "xfs"): VolumeCapability {
  const mountFlags = fsType === "xfs" ? [] : [COMMIT_BY_FSYNC_ONLY];
  return {
    accessMode: { mode: "SINGLE_NODE_WRITER" },
    accessType: { $case: "mount", value: { fsType, mountFlags, volumeMountGroup: "" } },
  };
}

const GIB = 1024n ** 3n;

/** CreateVolume, as an orchestrator calls it for a claim. */
export async function createVolume(
  lab: Lab,
  request: {
    readonly name: string;
    readonly sizeGiB: bigint;
    readonly parameters: Readonly<Record<string, string>>;
    readonly zones: readonly string[];
    readonly capability?: VolumeCapability;
    /** Default: it is made empty. */
    readonly source?: VolumeContentSource;
  },
): Promise<DemoVolume> {
  const capability = request.capability ?? committedByFsync("ext4");
  const topologies = request.zones.map((zone) => ({
    segments: { "topology.disk.csi.azure.com/zone": zone },
  }));
  const { volume } = await lab.controller.createVolume({
    name: request.name,
    capacityRange: { requiredBytes: request.sizeGiB * GIB, limitBytes: 0n },
    volumeCapabilities: [capability],
    parameters: { ...request.parameters },
    secrets: {},
    volumeContentSource: request.source,
    accessibilityRequirements: { requisite: topologies, preferred: topologies },
    mutableParameters: {},
  });
  if (volume === undefined) throw new Error("CreateVolume answered without a volume");
  return { volumeId: volume.volumeId, name: request.name, volumeContext: volume.volumeContext, capability };
}

export function stagingPath(node: LabNode, volume: DemoVolume): string {
  return `${node.kubeletDirectory}/plugins/${volume.name}/globalmount`;
}

export function targetPath(node: LabNode, volume: DemoVolume): string {
  return `${node.kubeletDirectory}/pods/${volume.name}/mount`;
}

/** ControllerPublishVolume: a workload was placed on the node. */
export async function publishOnController(
  lab: Lab,
  volume: DemoVolume,
  node: LabNode,
): Promise<Readonly<Record<string, string>>> {
  await lab.orchestrator.addUser(node.name, volume.volumeId, `pod/writer-of-${volume.name}`);
  return publishAgain(lab, volume, node);
}

/** ControllerPublishVolume for a workload that was placed before. */
export async function publishAgain(
  lab: Lab,
  volume: DemoVolume,
  node: LabNode,
  options: CallOptions = {},
): Promise<Readonly<Record<string, string>>> {
  const { publishContext } = await lab.controller.controllerPublishVolume(
    publishRequest(volume, node),
    options,
  );
  return publishContext;
}

/** A request to publish a volume to a node; a caller overrides parts. */
export function publishRequest(
  volume: DemoVolume,
  node: LabNode,
  overrides: Partial<ControllerPublishVolumeRequest> = {},
): ControllerPublishVolumeRequest {
  return {
    volumeId: volume.volumeId,
    nodeId: node.name,
    volumeCapability: volume.capability,
    readonly: false,
    secrets: {},
    volumeContext: { ...volume.volumeContext },
    ...overrides,
  };
}

export async function stage(
  volume: DemoVolume,
  node: LabNode,
  publishContext: Readonly<Record<string, string>>,
): Promise<void> {
  await node.csi.nodeStageVolume({
    volumeId: volume.volumeId,
    publishContext: { ...publishContext },
    stagingTargetPath: stagingPath(node, volume),
    volumeCapability: volume.capability,
    secrets: {},
    volumeContext: { ...volume.volumeContext },
  });
}

export async function publishOnNode(
  volume: DemoVolume,
  node: LabNode,
  publishContext: Readonly<Record<string, string>>,
): Promise<void> {
  await node.csi.nodePublishVolume({
    volumeId: volume.volumeId,
    publishContext: { ...publishContext },
    stagingTargetPath: stagingPath(node, volume),
    targetPath: targetPath(node, volume),
    volumeCapability: volume.capability,
    readonly: false,
    secrets: {},
    volumeContext: { ...volume.volumeContext },
  });
}

export async function unpublishOnNode(lab: Lab, volume: DemoVolume, node: LabNode): Promise<void> {
  await node.csi.nodeUnpublishVolume({ volumeId: volume.volumeId, targetPath: targetPath(node, volume) });
  await lab.orchestrator.removeUser(node.name, volume.volumeId);
}

export async function unstage(volume: DemoVolume, node: LabNode): Promise<void> {
  await node.csi.nodeUnstageVolume({
    volumeId: volume.volumeId,
    stagingTargetPath: stagingPath(node, volume),
  });
}

export async function unpublishOnController(lab: Lab, volume: DemoVolume, node: LabNode): Promise<void> {
  await lab.controller.controllerUnpublishVolume({
    volumeId: volume.volumeId,
    nodeId: node.name,
    secrets: {},
  });
}

export async function deleteVolume(lab: Lab, volume: DemoVolume): Promise<void> {
  await lab.controller.deleteVolume({ volumeId: volume.volumeId, secrets: {} });
}
