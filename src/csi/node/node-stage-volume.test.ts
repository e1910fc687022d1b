import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { aWriter, diskUri } from "../../core/testing/objects.ts";
import { type NodeWorld, stagingPath, withNode } from "../../node/testing/a-node.ts";
import type { NodeStageVolumeRequest } from "../gen/csi/v1/csi.ts";
import { toGrpcStatus } from "../server/to-grpc-status.ts";
import { aCall } from "../testing/a-call.ts";
import { nodeStageVolume } from "./node-stage-volume.ts";

const request: NodeStageVolumeRequest = {
  volumeId: diskUri,
  publishContext: {},
  stagingTargetPath: stagingPath,
  volumeCapability: {
    accessType: { $case: "mount", value: { fsType: "ext4", mountFlags: [], volumeMountGroup: "" } },
    accessMode: { mode: "SINGLE_NODE_WRITER" },
  },
  secrets: {},
  volumeContext: {},
};

/** The answer to a caller that waits for `patienceMs`, and how long it took. */
async function answerFor(
  world: NodeWorld,
  patienceMs: number,
): Promise<{ readonly answer: unknown; readonly afterMs: number }> {
  const startedMs = world.clock.elapsedMs();
  const staged = await world.answerOf(
    nodeStageVolume(world.ports(), request, aCall({ deadlineMs: startedMs + patienceMs })),
  );
  return {
    answer: staged.ok ? "OK" : toGrpcStatus(staged.failure),
    afterMs: world.clock.elapsedMs() - startedMs,
  };
}

describe("nodeStageVolume", () => {
  it("answers a caller what is waited for before its near deadline", () =>
    withNode({ writer: aWriter("node-b") }, async (world) => {
      const { answer, afterMs } = await answerFor(world, 20_000);
      assert.match(
        JSON.stringify(answer),
        /"code":14,"details":"volume .* still waiting for node-b, which is still its writer, to unmount it/,
      );
      assert.equal(afterMs, 19_750);
      const { details } = answer as { readonly details: string };
      assert.deepEqual(
        world.emitted.map(({ localKey: _, ...event }) => event),
        [
          {
            about: { kind: "AzVolume", name: "pvc-1" },
            nodeName: "node-a",
            reason: "StageFailed",
            message: `node-a could not make the volume ready: ${details}`,
          },
        ],
      );
    }));

  it("refuses while another Azure disk driver serves the node, and touches nothing", () =>
    withNode({ writer: { ...aWriter("node-a"), held: false } }, async (world) => {
      const why = "CSINode node-a names disk.csi.azure.com beside fast.example.com; remove that driver";
      const staged = await nodeStageVolume({ ...world.ports(), otherDriver: () => why }, request, aCall());
      assert.ok(!staged.ok);
      assert.deepEqual(toGrpcStatus(staged.failure), {
        code: 9,
        details: `another Azure disk driver runs beside this one: ${why}`,
      });
      assert.deepEqual([world.disk.content.kind, world.steps], ["blank", []]);
      assert.ok((await world.answerOf(nodeStageVolume(world.ports(), request, aCall()))).ok);
    }));

  for (const fsType of ["ntfs", "ReFS"])
    it(`refuses ${fsType} on a Linux node, says where to run the pod, and touches nothing`, () =>
      withNode({ writer: { ...aWriter("node-a"), held: false } }, async (world) => {
        const volumeCapability = {
          accessType: { $case: "mount", value: { fsType, mountFlags: [], volumeMountGroup: "" } },
          accessMode: { mode: "SINGLE_NODE_WRITER" },
        } as const;
        const staged = await world.answerOf(
          nodeStageVolume(world.ports(), { ...request, volumeCapability }, aCall()),
        );
        assert.ok(!staged.ok);
        assert.deepEqual(toGrpcStatus(staged.failure), {
          code: 3,
          details:
            `fsType "${fsType.toLowerCase()}": this node runs Linux and mounts ext4, ext3, ext2, xfs, ` +
            "btrfs: run the pod on the other platform's nodes (nodeSelector kubernetes.io/os)",
        });
        assert.deepEqual([world.disk.content.kind, world.steps], ["blank", []]);
      }));

  it("makes a file system with the geometry of a PersistentVolume's attributes", () =>
    withNode({ writer: { ...aWriter("node-a"), held: false } }, async (world) => {
      const stated = { ...request, volumeContext: { inodeSize: "512", bytesPerInode: "4096" } };
      assert.ok((await world.answerOf(nodeStageVolume(world.ports(), stated, aCall()))).ok);
      assert.deepEqual(world.disk.geometry, { inodeSize: 512, bytesPerInode: 4096 });
    }));

  it("refuses a geometry that mkfs refuses, says what it takes, and touches nothing", () =>
    withNode({ writer: { ...aWriter("node-a"), held: false } }, async (world) => {
      const impossible = { ...request, volumeContext: { blockSize: "1024", inodeSize: "2048" } };
      const staged = await world.answerOf(nodeStageVolume(world.ports(), impossible, aCall()));
      assert.ok(!staged.ok);
      const { code, details } = toGrpcStatus(staged.failure);
      assert.equal(code, 3);
      assert.match(
        details,
        /inodeSize "2048": must be one of 256, 512, 1024 with fsType ext4, blockSize 1024/u,
      );
      assert.deepEqual([world.disk.content.kind, world.steps], ["blank", []]);
    }));

  it("does not format a whole blank disk when a partition was requested", () =>
    withNode({ writer: { ...aWriter("node-a"), held: false } }, async (world) => {
      const ofPartition = { ...request, volumeContext: { partition: "1" } };
      const staged = await world.answerOf(nodeStageVolume(world.ports(), ofPartition, aCall()));
      assert.ok(!staged.ok);
      assert.match(
        JSON.stringify(toGrpcStatus(staged.failure)),
        /"code":9,"details":".*the kernel sees no partition 1/u,
      );
      assert.equal(world.disk.content.kind, "blank");
      assert.ok((await world.answerOf(nodeStageVolume(world.ports(), request, aCall()))).ok);
      assert.notEqual(world.disk.content.kind, "blank");
    }));

  it("waits for its own limit if the caller waits longer, as kubelet's pauses double", () =>
    withNode({ writer: aWriter("node-b") }, async (world) =>
      assert.equal((await answerFor(world, 3_600_000)).afterMs, 100_000),
    ));

  it("stages as soon as the volume is granted", () =>
    withNode({ writer: aWriter("node-b") }, async (world) => {
      const staging = nodeStageVolume(
        world.ports(),
        request,
        aCall({ deadlineMs: world.clock.elapsedMs() + 120_000 }),
      );
      await world.clock.advance(5_000);
      await world.setRecord((record) => ({
        ...record,
        epoch: 2,
        writer: aWriter("node-a", { epoch: 2, held: false }),
      }));
      assert.deepEqual(await world.answerOf(staging), { ok: true, value: {} });
      assert.equal(world.clock.elapsedMs() < 6_000, true);
    }));
});
