import type { Lab, LabNode } from "../../demo/lab.ts";
import { type DemoVolume, publishOnController, publishOnNode, stage, unpublishOnController, unpublishOnNode, unstage } from "../../demo/volume-moves.ts";
import type { VolumeCapability } from "../../src/csi/gen/csi/v1/csi.ts";

/** Raw block for one node. */
export const blockForOneNode: VolumeCapability = { accessMode: { mode: "SINGLE_NODE_WRITER" }, accessType: { $case: "block", value: {} } };

/** Raw block that several nodes write at once. */
export const blockForManyNodes: VolumeCapability = { accessMode: { mode: "MULTI_NODE_MULTI_WRITER" }, accessType: { $case: "block", value: {} } };

/** A file system of this type for one node. */
export function fileSystemForOneNode(fsType: string): VolumeCapability {
  return { accessMode: { mode: "SINGLE_NODE_WRITER" }, accessType: { $case: "mount", value: { fsType, mountFlags: [], volumeMountGroup: "" } } };
}

/** Brings a volume up on a node as an orchestrator does: publish, stage, publish. */
export async function bringUp(lab: Lab, volume: DemoVolume, node: LabNode): Promise<void> {
  const context = await publishOnController(lab, volume, node);
  await stage(volume, node, context);
  await publishOnNode(volume, node, context);
}

/** Takes it down in the order of a drain. */
export async function takeDown(lab: Lab, volume: DemoVolume, node: LabNode): Promise<void> {
  await unpublishOnNode(lab, volume, node);
  await unstage(volume, node);
  await unpublishOnController(lab, volume, node);
}

/** Brings a volume up where nobody publishes: the node states the want itself. */
export async function bringUpByNode(lab: Lab, volume: DemoVolume, node: LabNode): Promise<void> {
  await lab.orchestrator.addUser(node.name, volume.volumeId, `pod/writer-of-${volume.name}`);
  await stage(volume, node, {});
  await publishOnNode(volume, node, {});
}

/** Takes it down where nobody unpublishes. */
export async function takeDownByNode(lab: Lab, volume: DemoVolume, node: LabNode): Promise<void> {
  await unpublishOnNode(lab, volume, node);
  await unstage(volume, node);
}
