import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { settledOn } from "../../adapters/virtual/testing/settled-on.ts";
import { createVirtualClock, type VirtualClock } from "../../adapters/virtual/virtual-clock.ts";
import { fail, ok } from "../../core/failure/result.ts";
import { anAttachment, diskUri } from "../../core/testing/objects.ts";
import type { InstanceMetadata } from "../../ports/cloud/instance-metadata.ts";
import type { OwnNode } from "../../ports/cluster/own-node.ts";
import { aCheckpoint } from "../../ports/testing/a-checkpoint.ts";
import { silentLogger } from "../../ports/testing/silent-logger.ts";
import type { VolumeLimit } from "../node-ports.ts";
import { aMachine } from "../testing/a-machine.ts";
import { createVolumeLimit, type VolumeLimitOptions } from "./volume-limit.ts";

const never = new AbortController().signal;
const LUNS = { ours: 0, backup: 1, v1: 2 };
const backupUri = diskUri.replace("pvc-1", "backup");
const v1Uri = diskUri.replace("pvc-1", "pvc-of-v1");
const ours = { diskUri: diskUri.toUpperCase(), lun: LUNS.ours };
const backup = { diskUri: backupUri, lun: LUNS.backup };

interface World {
  readonly clock: VirtualClock;
  disks: InstanceMetadata["dataDisks"];
  isServiceDown: boolean;
  asked: number;
  volumesInKubernetes: readonly string[];
  readonly options: VolumeLimitOptions;
}

/** A Standard_D4s_v5, which takes eight data disks, with pvc-1 attached by the driver. */
function aWorld(overrides: Partial<VolumeLimitOptions> = {}): World {
  const clock = createVirtualClock();
  const ownNode: OwnNode = {
    read: async () =>
      ok({ labels: {}, taints: [], isShuttingDown: false, volumeIds: world.volumesInKubernetes }),
    drivers: async () => ok([]),
    replaceTaints: async () => ok(undefined),
  };
  const world: World = {
    clock,
    disks: [ours],
    isServiceDown: false,
    asked: 0,
    volumesInKubernetes: [],
    options: {
      given: undefined,
      vmSize: "Standard_D4s_v5",
      reserved: 0,
      nodeName: "node-a",
      metadata: {
        read: async () => {
          world.asked += 1;
          return world.isServiceDown
            ? fail({ kind: "HostNotReady", detail: "no answer" })
            : ok(aMachine({ dataDisks: world.disks }));
        },
      },
      ownNode,
      // Only attachments are read, by their node.
      cache: {
        byIndex: (() => [anAttachment("node-a")]) as unknown as VolumeLimitOptions["cache"]["byIndex"],
      },
      checkpoints: { volumes: () => [] },
      clock,
      logger: silentLogger,
      ...overrides,
    },
  };
  return world;
}

/** The limit, once time has passed for a second look. */
function measured(world: World, limit: VolumeLimit): Promise<number> {
  return settledOn(world.clock, limit.measure(0, never));
}

describe("createVolumeLimit", () => {
  it("is the limit of the VM size: the driver's own volumes do not count against it", async () => {
    assert.equal(await createVolumeLimit(aWorld().options).measure(0, never), 8);
  });

  it("is what Azure lists for the size from when that is known, less what others need", async () => {
    const world = aWorld({ reserved: 2 });
    world.disks = [ours, backup];
    const limit = createVolumeLimit(world.options);
    assert.equal(await measured(world, limit), 5);
    limit.learn(26);
    assert.equal(await limit.measure(60_000, never), 23);
    limit.learn(undefined);
    assert.equal(await limit.measure(60_000, never), 23, "a new object lacks it for a while");
  });

  it("subtracts the slots of foreign disks, and the reserved ones", async () => {
    const world = aWorld({ reserved: 2 });
    world.disks = [ours, backup, { diskUri: undefined, lun: 5 }];
    assert.equal(await measured(world, createVolumeLimit(world.options)), 4);
  });

  it("is 0 where every slot has a foreign disk, unlike in NodeGetInfo", async () => {
    const world = aWorld({ vmSize: "Standard_B1s" });
    world.disks = [backup, { diskUri: undefined, lun: 5 }];
    assert.equal(await measured(world, createVolumeLimit(world.options)), 0);
  });

  it("counts volumes that only Kubernetes or the checkpoints know as its own", async () => {
    const world = aWorld();
    world.disks = [ours, { diskUri: v1Uri, lun: LUNS.v1 }];
    world.volumesInKubernetes = [v1Uri];
    assert.equal(await measured(world, createVolumeLimit(world.options)), 8);
    const checkpoint = aCheckpoint({ volumeId: v1Uri, lun: 2 });
    assert.equal(
      await createVolumeLimit({
        ...world.options,
        ownNode: undefined,
        checkpoints: { volumes: () => [checkpoint] },
      }).measure(0, never),
      8,
    );
  });

  it("counts a disk as foreign only at the second read, as a detach shows late", async () => {
    const world = aWorld();
    const limit = createVolumeLimit(world.options);
    assert.equal(await measured(world, limit), 8);
    world.disks = [ours, { diskUri: v1Uri, lun: LUNS.v1 }];
    assert.equal(await measured(world, limit), 8);
    world.disks = [ours, backup];
    assert.equal(await measured(world, limit), 8, "another disk at another LUN was the stranger before");
    assert.equal(await measured(world, limit), 7);
    world.disks = [ours];
    assert.equal(await measured(world, limit), 8);
  });

  it("looks again some seconds after a first read with a foreign disk", async () => {
    const world = aWorld();
    world.disks = [ours, backup];
    const limit = createVolumeLimit(world.options);
    const measured = [limit.measure(0, never), limit.measure(0, never)];
    await world.clock.advance(4_999);
    assert.equal(world.asked, 2);
    world.disks = [ours];
    await world.clock.advance(1);
    assert.deepEqual(await Promise.all(measured), [8, 8], "it was being detached as the plug-in started");
  });

  it("counts what the first read has found where the second one fails", async () => {
    const world = aWorld();
    world.disks = [ours, backup];
    const limit = createVolumeLimit(world.options);
    const measuring = limit.measure(0, never);
    await world.clock.advance(4_999);
    world.isServiceDown = true;
    await world.clock.advance(1);
    assert.equal(await measuring, 7, "older versions of kubelet ask only once");
    world.isServiceDown = false;
    world.disks = [ours];
    assert.equal(await measured(world, limit), 8);
  });

  it("stays as it was while the service does not respond", async () => {
    const world = aWorld();
    const limit = createVolumeLimit(world.options);
    world.disks = [ours, backup];
    assert.equal(await measured(world, limit), 7);
    world.isServiceDown = true;
    world.disks = [ours];
    assert.equal(await measured(world, limit), 7);
  });

  it("measures again only when the known value is too old", async () => {
    const world = aWorld();
    const limit = createVolumeLimit(world.options);
    await limit.measure(60_000, never);
    await world.clock.advance(59_999);
    await limit.measure(60_000, never);
    assert.equal(world.asked, 1);
    await world.clock.advance(1);
    await limit.measure(60_000, never);
    assert.equal(world.asked, 2);
  });

  it("calls no service where the operator sets it, 0 included, or none is there", async () => {
    const world = aWorld({ given: 0 });
    assert.equal(await measured(world, createVolumeLimit(world.options)), 0);
    assert.equal(
      await createVolumeLimit({
        ...world.options,
        given: undefined,
        metadata: undefined,
        reserved: 1,
      }).measure(0, never),
      7,
    );
    assert.equal(world.asked, 0);
  });
});
