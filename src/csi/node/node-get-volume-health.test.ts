import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fail, ok } from "../../core/failure/result.ts";
import { aWriter, diskUri } from "../../core/testing/objects.ts";
import { valueOf } from "../../core/testing/value-of.ts";
import type { NodePorts } from "../../node/node-ports.ts";
import { stagingPath, targetPath, withNode } from "../../node/testing/a-node.ts";
import type { NodeGetVolumeHealthRequest } from "../gen/csi/v1/csi.ts";
import { aCall } from "../testing/a-call.ts";
import { nodeGetVolumeHealth } from "./node-get-volume-health.ts";
import { nodeGetVolumeStats } from "./node-get-volume-stats.ts";

const request: NodeGetVolumeHealthRequest = {
  volumeId: diskUri,
  volumePublishPath: targetPath,
  stagingTargetPath: stagingPath,
};
const healthy = { volumeHealth: { volumeId: diskUri, healthStatuses: [] } };

/** The same node, of which each look at a file system answers this. */
function withStats(ports: NodePorts, stats: NodePorts["host"]["fileSystemStats"]): NodePorts {
  return { ...ports, host: { ...ports.host, fileSystemStats: stats } };
}

describe("nodeGetVolumeHealth", () => {
  it("answers that a mount is dead, and has no entry before", () =>
    withNode({ writer: aWriter("node-a", { held: false }) }, async (world) => {
      const ports = world.ports();
      assert.deepEqual(valueOf(await nodeGetVolumeHealth(ports, request, aCall())), healthy);
      valueOf(await world.publish({}, ports));
      assert.deepEqual(valueOf(await world.answerOf(nodeGetVolumeHealth(ports, request, aCall()))), healthy);
      world.machine.detach(0);
      // As the kubelet asks: the stats first.
      const stats = { volumeId: diskUri, volumePath: targetPath, stagingTargetPath: stagingPath };
      assert.ok(!(await world.answerOf(nodeGetVolumeStats(ports, stats, aCall()))).ok);
      const { volumeHealth } = valueOf(await nodeGetVolumeHealth(ports, request, aCall()));
      assert.deepEqual(
        volumeHealth?.healthStatuses?.map(({ status, reason }) => ({ status, reason })),
        [{ status: "INACCESSIBLE", reason: "MountDead" }],
      );
      assert.match(
        volumeHealth?.healthStatuses?.[0]?.message ?? "",
        /^node-a has lost the use of the volume: /u,
      );
    }));

  it("looks itself where this process has not looked, and once", () =>
    withNode({ writer: aWriter("node-a", { held: false }) }, async (world) => {
      const before = world.ports();
      valueOf(await world.stage({}, before));
      let looks = 0;
      const ports = withStats(before, async (path, signal) => {
        looks += 1;
        const stats = await before.host.fileSystemStats(path, signal);
        return stats.ok ? ok({ ...stats.value, errorsFound: 2 }) : stats;
      });
      for (let minute = 0; minute < 2; minute += 1)
        assert.deepEqual(
          valueOf(await world.answerOf(nodeGetVolumeHealth(ports, request, aCall()))).volumeHealth
            ?.healthStatuses,
          [
            {
              status: "DEGRADED",
              reason: "FileSystemErrors",
              message: "node-a has found errors in the file system of the volume: 2 since its last check",
            },
          ],
        );
      assert.equal(looks, 1);
    }));

  it("fails as a look that shows nothing, so that the kubelet keeps what it knows", () =>
    withNode({ writer: aWriter("node-a", { held: false }) }, async (world) => {
      const before = world.ports();
      valueOf(await world.stage({}, before));
      const ports = withStats(before, async () => fail({ kind: "Cancelled" }));
      const health = await world.answerOf(nodeGetVolumeHealth(ports, request, aCall()));
      assert.deepEqual(health, fail({ kind: "Cancelled" }));
    }));

  it("refuses a request without a volume, and one for an unknown volume", () =>
    withNode({}, async (world) => {
      const kindOf = async (volumeId: string): Promise<string> => {
        const health = await nodeGetVolumeHealth(world.ports(), { ...request, volumeId }, aCall());
        return health.ok ? "OK" : health.failure.kind;
      };
      assert.equal(await kindOf(""), "InvalidArgument");
      assert.equal(await kindOf(diskUri.replace("pvc-1", "pvc-2")), "VolumeNotFound");
      assert.equal(await kindOf(diskUri), "OK");
    }));
});
