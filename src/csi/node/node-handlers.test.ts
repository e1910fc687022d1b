import assert from "node:assert/strict";
import { it } from "node:test";
import { aWriter, diskUri } from "../../core/testing/objects.ts";
import { valueOf } from "../../core/testing/value-of.ts";
import { withNode } from "../../node/testing/a-node.ts";
import type { VolumeCapability } from "../gen/csi/v1/csi.ts";
import { aCall } from "../testing/a-call.ts";
import { nodeHandlers } from "./node-handlers.ts";

const KUBELET = "\\var\\lib\\kubelet";
const stagingTargetPath = `${KUBELET}\\plugins\\kubernetes.io\\csi\\disk.csi.azure.com\\1\\globalmount`;
const targetPath = `c:${KUBELET}\\pods\\1\\volumes\\kubernetes.io~csi\\pvc-1\\mount`;
const volumeCapability: VolumeCapability = {
  accessType: { $case: "mount", value: { fsType: "ntfs", mountFlags: [], volumeMountGroup: "" } },
  accessMode: { mode: "SINGLE_NODE_SINGLE_WRITER" },
};
const volume = { volumeId: diskUri, publishContext: {}, volumeContext: {}, secrets: {} };

it("serves a Windows kubelet, whose paths have no drive or a small one", () =>
  withNode(
    { writer: aWriter("node-a", { held: false }) },
    async (world) => {
      const before = world.ports();
      const allowedRoots = [`C:${KUBELET}`];
      const ports = {
        ...before,
        settings: { ...before.settings, platform: "windows" as const, allowedRoots },
      };
      const {
        nodeStageVolume,
        nodePublishVolume,
        nodeGetVolumeStats,
        nodeUnpublishVolume,
        nodeUnstageVolume,
      } = nodeHandlers(ports);
      assert.ok(nodeStageVolume && nodePublishVolume && nodeGetVolumeStats);
      assert.ok(nodeUnpublishVolume && nodeUnstageVolume);
      const call = aCall();
      const stage = { ...volume, stagingTargetPath, volumeCapability };
      valueOf(await world.answerOf(nodeStageVolume(stage, call)));
      const publish = { ...stage, targetPath, readonly: false };
      // The kubelet repeats a publish, and it is the one target of the volume.
      for (let time = 0; time < 2; time += 1) valueOf(await world.answerOf(nodePublishVolume(publish, call)));
      const { majorMinor = "" } = before.checkpoints.volumes()[0] ?? {};
      const mounts = valueOf(await before.host.mountsOf(majorMinor, call.signal));
      assert.deepEqual(mounts.map(({ path }) => path).toSorted(), [
        `C:${stagingTargetPath}`,
        targetPath.replace("c:", "C:"),
      ]);
      const stats = { volumeId: diskUri, volumePath: targetPath, stagingTargetPath };
      valueOf(await world.answerOf(nodeGetVolumeStats(stats, call)));
      valueOf(await world.answerOf(nodeUnpublishVolume({ volumeId: diskUri, targetPath }, call)));
      valueOf(await world.answerOf(nodeUnstageVolume({ volumeId: diskUri, stagingTargetPath }, call)));
      assert.deepEqual(valueOf(await before.host.mountsOf(majorMinor, call.signal)), []);
    },
    { disk: { maxShares: 1 } },
  ));
