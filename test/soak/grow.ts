import assert from "node:assert/strict";
import { statfs } from "node:fs/promises";
import { stagingPath, targetPath } from "../../demo/volume-moves.ts";
import { gibToBytes } from "../../src/core/primitives/units.ts";
import { untilServed } from "../workflows/volume-use.ts";
import type { WritingPod } from "../workflows/writing-pod.ts";
import type { SoakLab } from "./soak-lab.ts";

/**
 * Asks for a larger disk, as Kubernetes does for a claim. Returns what grows the file system, as the kubelet
 * does where the pod is by then; it throws if the file system is not larger afterwards.
 */
export async function grow(lab: SoakLab, pod: WritingPod): Promise<() => Promise<void>> {
  const { volume } = pod;
  const sizeGiB = Math.ceil(await fileSystemGiB(pod)) + 1;
  const capacityRange = { requiredBytes: gibToBytes(sizeGiB), limitBytes: 0n };
  const hasGrown = untilServed(() =>
    lab.controller.controllerExpandVolume({
      volumeId: volume.volumeId,
      capacityRange,
      secrets: {},
      volumeCapability: volume.capability,
    }),
  );
  // It is awaited at the end, and may reject before.
  hasGrown.catch(() => undefined);
  return async () => {
    await hasGrown;
    await untilServed(() =>
      pod.node.csi.nodeExpandVolume({
        volumeId: volume.volumeId,
        volumePath: targetPath(pod.node, volume),
        stagingTargetPath: stagingPath(pod.node, volume),
        capacityRange,
        volumeCapability: volume.capability,
        secrets: {},
      }),
    );
    const grownGiB = await fileSystemGiB(pod);
    assert.ok(grownGiB > sizeGiB - 1, `the file system of ${volume.name} has not grown to ${sizeGiB} GiB`);
  };
}

async function fileSystemGiB({ node, volume }: WritingPod): Promise<number> {
  const { blocks, bsize } = await statfs(node.seenFromOutside(targetPath(node, volume)), { bigint: true });
  return Number(blocks * bsize) / Number(gibToBytes(1));
}
