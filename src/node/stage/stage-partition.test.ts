import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { describeFailure } from "../../core/failure/describe-failure.ts";
import { ok } from "../../core/failure/result.ts";
import { aWriter, diskUri } from "../../core/testing/objects.ts";
import type { NodePorts } from "../node-ports.ts";
import { type NodeWorld, withNode, aStageRequest } from "../testing/a-node.ts";
import type { StageRequest } from "./stage-request.ts";

const granted = aWriter("node-a", { held: false });
const request = aStageRequest({ volumeContext: { Partition: "3" } });

/** The model's disks have no partitions: the whole disk stands for the one that is asked for. */
function portsWithPartition(world: NodeWorld, partitions: number[] = []): NodePorts {
  const ports = world.ports();
  const findPartition: typeof ports.host.findPartition = async ({ disk, partition }) => {
    partitions.push(partition);
    return ok({ ...disk });
  };
  return { ...ports, host: { ...ports.host, findPartition } };
}

async function stage(
  world: NodeWorld,
  ports: NodePorts,
  overrides: Partial<StageRequest> = {},
): Promise<string> {
  const staged = await world.stage({ ...request, ...overrides }, ports);
  return staged.ok ? "ok" : describeFailure(staged.failure);
}

describe("stageVolume of a partition", () => {
  it("mounts the file system of the partition that the PersistentVolume names", () =>
    withNode({ writer: granted }, async (world) => {
      world.disk.content = { kind: "fileSystem", fsType: "ext4", uuid: "uuid-1" };
      await world.setFormatted({ fsType: "ext4", uuid: "uuid-1" });
      const partitions: number[] = [];
      assert.equal(await stage(world, portsWithPartition(world, partitions)), "ok");
      assert.deepEqual(new Set(partitions), new Set([3]));
      assert.ok(!world.steps.includes("format"));
    }));

  it("never formats one, so that no table or neighbour is destroyed by a wrong number", () =>
    withNode({ writer: granted }, async (world) => {
      assert.match(await stage(world, portsWithPartition(world)), /the driver formats whole disks only/u);
      assert.deepEqual([world.disk.content, world.disk.formatMark], [{ kind: "blank" }, undefined]);
      assert.deepEqual([world.machine.mounts(), world.record()?.writer?.held], [[], false]);
    }));

  it("takes no mark of a first format for its own, which whole disks have", () =>
    withNode({ writer: granted }, async (world) => {
      world.disk.formatMark = { diskUri, uuid: "uuid-1" };
      assert.match(await stage(world, portsWithPartition(world)), /the driver formats whole disks only/u);
    }));

  it("acquires nothing where the kernel sees no such partition", () =>
    withNode({ writer: granted }, async (world) => {
      assert.match(await stage(world, world.ports()), /the kernel sees no partition 3/u);
      assert.equal(world.record()?.writer?.held, false);
    }));

  it("is served without settings of the disk, which are those of all its partitions", () =>
    withNode({ writer: granted }, async (world) => {
      world.disk.content = { kind: "fileSystem", fsType: "ext4", uuid: "uuid-1" };
      await world.setFormatted({ fsType: "ext4", uuid: "uuid-1" });
      const tuned = { perfProfile: "advanced", "device-setting/queue/scheduler": "none" };
      const volumeContext = { ...request.volumeContext, ...tuned };
      assert.equal(await stage(world, portsWithPartition(world), { volumeContext }), "ok");
      assert.deepEqual(
        world.emitted.map(({ reason }) => reason),
        ["DeviceNotTuned"],
      );
    }));
});
