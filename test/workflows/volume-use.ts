import assert from "node:assert/strict";
import { status } from "@grpc/grpc-js";
import { CsiError } from "../../demo/lab/csi-clients.ts";
import type { Lab, LabNode } from "../../demo/lab/lab.ts";
import { attachedNodes } from "../../demo/observe.ts";
import {
  type DemoVolume,
  publishOnController,
  publishOnNode,
  stage,
  unpublishOnController,
  unpublishOnNode,
  unstage,
} from "../../demo/volume-moves.ts";
import { waitUntil } from "../../demo/wait-until.ts";
import { writeFiles } from "../../demo/workload.ts";
import type { AzVolumeAttachment } from "../../src/core/api/az-volume-attachment.ts";
import type { VolumeCapability } from "../../src/csi/gen/csi/v1/csi.ts";
import type { LabWorld } from "./with-lab.ts";

/** Raw block for one node. */
export const blockForOneNode: VolumeCapability = {
  accessMode: { mode: "SINGLE_NODE_WRITER" },
  accessType: { $case: "block", value: {} },
};

/** Raw block that several nodes write at once. */
export const blockForManyNodes: VolumeCapability = {
  accessMode: { mode: "MULTI_NODE_MULTI_WRITER" },
  accessType: { $case: "block", value: {} },
};

/** A file system of this type for one node. */
export function fileSystemForOneNode(fsType: string): VolumeCapability {
  return {
    accessMode: { mode: "SINGLE_NODE_WRITER" },
    accessType: { $case: "mount", value: { fsType, mountFlags: [], volumeMountGroup: "" } },
  };
}

/** Brings a volume up on a node in the calls of an orchestrator: publish, stage, publish. */
export async function bringUp(lab: Lab, volume: DemoVolume, node: LabNode): Promise<void> {
  const context = await untilServed(() => publishOnController(lab, volume, node));
  await untilServed(() => stage(volume, node, context));
  await untilServed(() => publishOnNode(volume, node, context));
}

/** Takes it down in the order of a drain. */
export async function takeDown(lab: Lab, volume: DemoVolume, node: LabNode): Promise<void> {
  await untilServed(() => unpublishOnNode(lab, volume, node));
  await untilServed(() => unstage(volume, node));
  await untilServed(() => unpublishOnController(lab, volume, node));
}

/**
 * Takes it down on a fenced node that has cleaned up, like a kubelet that learns late of the pod's
 * deletion: until then nothing is written beside the disk.
 */
export async function takeDownAfterFence(lab: Lab, volume: DemoVolume, node: LabNode): Promise<void> {
  await assert.rejects(
    writeFiles(node, volume),
    { code: "EROFS" },
    "a restarted container would write beside its disk",
  );
  await untilServed(() => unpublishOnNode(lab, volume, node));
}

const REPLICATED_MAX_MS = 120_000;

/** Waits for the volume's attachment to `node-b`, the second of two nodes. */
export async function untilReplicated(
  { lab, signal }: LabWorld,
  volume: DemoVolume,
): Promise<AzVolumeAttachment> {
  return waitUntil("a replica on node-b", REPLICATED_MAX_MS, async () =>
    (await attachedNodes(lab, volume, signal)).get("node-b"),
  );
}

const SERVED_MAX_MS = 180_000;

const UNDER_WAY: readonly number[] = [status.ABORTED, status.UNAVAILABLE, status.DEADLINE_EXCEEDED];

/** Repeats a call while the answer is that work is in progress, or one of `also`, as orchestrators do. */
export async function untilServed<T>(call: () => Promise<T>, also: readonly number[] = []): Promise<T> {
  const { answer } = await waitUntil("the call to be served", SERVED_MAX_MS, async () => {
    try {
      return { answer: await call() };
    } catch (error) {
      if (error instanceof CsiError && [...UNDER_WAY, ...also].includes(error.code)) return undefined;
      throw error;
    }
  });
  return answer;
}

/** Brings a volume up without a publish call: the node requests it itself. */
export async function bringUpByNode(lab: Lab, volume: DemoVolume, node: LabNode): Promise<void> {
  await lab.orchestrator.addUser(node.name, volume.volumeId, `pod/writer-of-${volume.name}`);
  await untilServed(() => stage(volume, node, {}));
  await untilServed(() => publishOnNode(volume, node, {}));
}

/** Takes it down without an unpublish call. */
export async function takeDownByNode(lab: Lab, volume: DemoVolume, node: LabNode): Promise<void> {
  await untilServed(() => unpublishOnNode(lab, volume, node));
  await untilServed(() => unstage(volume, node));
}
