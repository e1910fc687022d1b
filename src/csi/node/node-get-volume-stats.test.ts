import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { describeFailure } from "../../core/failure/describe-failure.ts";
import { fail, ok } from "../../core/failure/result.ts";
import { aWriter, diskUri } from "../../core/testing/objects.ts";
import type { NodePorts } from "../../node/node-ports.ts";
import { publishVolume } from "../../node/stage/publish-volume.ts";
import { emitDeadMount } from "../../node/stage/stage-failure-event.ts";
import { stageVolume } from "../../node/stage/stage-volume.ts";
import { stagingPath, withNode } from "../../node/testing/a-node.ts";
import { aCall } from "../testing/a-call.ts";
import { nodeGetVolumeStats } from "./node-get-volume-stats.ts";

const never = new AbortController().signal;
const stage = {
  volumeId: diskUri,
  stagingPath,
  accessType: "mount",
  fsType: "ext4",
  mountFlags: [],
  readOnly: false,
  volumeContext: {},
} as const;

/** The same node while the store does not answer. */
function withoutStore(ports: NodePorts): NodePorts {
  return {
    ...ports,
    store: { ...ports.store, get: async () => fail({ kind: "StoreUnavailable", detail: "no answer" }) },
  };
}

describe("nodeGetVolumeStats", () => {
  it("answers for a volume that is staged here without a request to the store", () =>
    withNode({ writer: aWriter("node-a", { held: false }) }, async (world) => {
      const ports = world.ports();
      assert.ok((await world.answerOf(stageVolume(ports, stage, never))).ok);
      const request = { volumeId: diskUri.toUpperCase(), volumePath: stagingPath, stagingTargetPath: "" };
      const stats = await world.answerOf(nodeGetVolumeStats(withoutStore(ports), request, aCall()));
      assert.ok(stats.ok);
      assert.deepEqual(
        stats.value.usage?.map(({ unit }) => unit),
        ["BYTES", "INODES"],
      );
    }));

  it("looks at the mount once, since kubelet asks each minute for each pod", () =>
    withNode({ writer: aWriter("node-a", { held: false }) }, async (world) => {
      const ports = world.ports();
      assert.ok((await world.answerOf(stageVolume(ports, stage, never))).ok);
      const looks: string[] = [];
      const host = new Proxy(ports.host, {
        get: (target, name, receiver) => {
          looks.push(String(name));
          return Reflect.get(target, name, receiver);
        },
      });
      const request = { volumeId: diskUri, volumePath: stagingPath, stagingTargetPath: "" };
      assert.ok((await world.answerOf(nodeGetVolumeStats({ ...ports, host }, request, aCall()))).ok);
      assert.deepEqual(looks, ["pathKind", "fileSystemStats"]);
    }));

  for (const accessType of ["mount", "block"] as const)
    it(`reports on the volume that its ${accessType} mount is dead, and not before`, () =>
      withNode({ writer: aWriter("node-a", { held: false }) }, async (world) => {
        const ports = world.ports();
        const targetPath = "/var/lib/kubelet/pods/1/mount";
        const published = await world.answerOf(
          publishVolume(ports, { ...stage, accessType, targetPath, targetReadOnly: false }, never),
        );
        assert.ok(published.ok);
        const request = { volumeId: diskUri, volumePath: targetPath, stagingTargetPath: stagingPath };
        assert.ok((await world.answerOf(nodeGetVolumeStats(ports, request, aCall()))).ok);
        assert.equal(world.emitted.length, 0);
        world.machine.detach(0);
        const stats = await world.answerOf(nodeGetVolumeStats(ports, request, aCall()));
        assert.ok(!stats.ok);
        assert.deepEqual(
          world.emitted.map(({ localKey: _, ...event }) => event),
          [
            {
              about: { kind: "AzVolume", name: "pvc-1" },
              nodeName: "node-a",
              reason: "MountDead",
              message: `node-a has lost the use of the volume: ${describeFailure(stats.failure)}`,
            },
          ],
        );
        emitDeadMount(ports, diskUri, {
          kind: "WrongDevice",
          devicePath: "/other/pod",
          problem: "it is gone",
        });
        assert.equal(
          world.emitted[1]?.localKey,
          world.emitted[0]?.localKey,
          "another pod's is no other event",
        );
      }));

  it("reports on the volume that the kernel has found errors, and answers still", () =>
    withNode({ writer: aWriter("node-a", { held: false }) }, async (world) => {
      const ports = world.ports();
      assert.ok((await world.answerOf(stageVolume(ports, stage, never))).ok);
      const host: NodePorts["host"] = {
        ...ports.host,
        fileSystemStats: async (path, signal) => {
          const stats = await ports.host.fileSystemStats(path, signal);
          return stats.ok ? ok({ ...stats.value, errorsFound: 2 }) : stats;
        },
      };
      const request = { volumeId: diskUri, volumePath: stagingPath, stagingTargetPath: "" };
      assert.ok((await world.answerOf(nodeGetVolumeStats({ ...ports, host }, request, aCall()))).ok);
      assert.deepEqual(
        world.emitted.map(({ reason, message }) => ({ reason, message })),
        [
          {
            reason: "FileSystemErrors",
            message: "node-a has found 2 errors in the file system of the volume since its last check",
          },
        ],
      );
    }));

  it("tells an unknown volume from one that is not at that path", () =>
    withNode({}, async (world) => {
      const kindOf = async (volumeId: string): Promise<string> => {
        const request = { volumeId, volumePath: stagingPath, stagingTargetPath: "" };
        const stats = await world.answerOf(nodeGetVolumeStats(world.ports(), request, aCall()));
        return stats.ok ? "OK" : stats.failure.kind;
      };
      assert.equal(await kindOf(diskUri), "PathNotMounted");
      assert.equal(await kindOf(diskUri.replace("pvc-1", "pvc-2")), "VolumeNotFound");
    }));
});
