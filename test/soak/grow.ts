import assert from "node:assert/strict";
import { statfs } from "node:fs/promises";
import { stagingPath, targetPath } from "../../demo/volume-moves.ts";
import { gibToBytes } from "../../src/core/primitives/units.ts";
import { untilServed } from "../workflows/volume-use.ts";
import type { WritingPod } from "../workflows/writing-pod.ts";
import type { SoakLab } from "./soak-lab.ts";

/** ControllerExpandVolume, as Kubernetes calls it for a claim that asks for more. */
export async function growDisk(lab: SoakLab, { volume }: WritingPod, toGiB: number): Promise<void> {
  await untilServed(() =>
    lab.controller.controllerExpandVolume({
      volumeId: volume.volumeId,
      capacityRange: { requiredBytes: gibToBytes(toGiB), limitBytes: 0n },
      secrets: {},
      volumeCapability: volume.capability,
    }),
  );
}

/** NodeExpandVolume where the pod writes. Throws if its file system is not larger afterwards. */
export async function growFileSystem({ node, volume }: WritingPod, toGiB: number): Promise<void> {
  const volumePath = targetPath(node, volume);
  await untilServed(() =>
    node.csi.nodeExpandVolume({
      volumeId: volume.volumeId,
      volumePath,
      stagingTargetPath: stagingPath(node, volume),
      capacityRange: { requiredBytes: gibToBytes(toGiB), limitBytes: 0n },
      volumeCapability: volume.capability,
      secrets: {},
    }),
  );
  const { blocks, bsize } = await statfs(node.seenFromOutside(volumePath));
  assert.ok(
    BigInt(blocks * bsize) > gibToBytes(toGiB - 1),
    `the file system of ${volume.name} on ${node.name} has not grown to ${toGiB} GiB`,
  );
}
