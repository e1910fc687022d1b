import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { describe } from "node:test";
import { promisify } from "node:util";
import { valueOf } from "../../src/core/testing/value-of.ts";
import type { CleanRequest, Device } from "../../src/ports/host/host-provisioner.ts";
import { aDevice, never } from "./host/host-suite.ts";
import type { LinuxHostWorld } from "./worlds/linux-host-world.ts";
import { onLinuxHost } from "./worlds/on-linux-host.ts";
import { writePartitionTable } from "./worlds/partition-table.ts";

const SECTORS = 65_536;
const UUID = "0f1e2d3c-4b5a-4678-8796-a5b4c3d2e1f0";
const run = promisify(execFile);

interface Partitioned {
  readonly world: LinuxHostWorld;
  readonly disk: Device;
  readonly partition: Device;
}

/** A disk with one partition that the kernel has seen, as at the attach of a SCSI disk. */
function on(sentence: string, test: (given: Partitioned) => Promise<void>): void {
  onLinuxHost(sentence, {}, async (world) => {
    const disk = await aDevice(world, 0);
    await writePartitionTable(disk.path, { start: 2048, size: SECTORS });
    await run("partx", ["--add", disk.path]);
    try {
      const partition = valueOf(await world.host.findPartition({ disk, partition: 1 }, never));
      await test({ world, disk, partition });
    } finally {
      valueOf(await world.host.unmount(world.pathOf("staging"), never));
      // A loop device keeps the partitions of the file that it had.
      await run("partx", ["--delete", disk.path]);
    }
  });
}

describe("Linux host on a partition", () => {
  on("finds it by the kernel's table, and no other one", async ({ world, disk, partition }) => {
    assert.equal(partition.path, `${disk.path}p1`);
    assert.equal(partition.sizeBytes, BigInt(SECTORS) * 512n);
    assert.notEqual(partition.majorMinor, disk.majorMinor);
    const absent = await world.host.findPartition({ disk, partition: 2 }, never);
    assert.deepEqual(absent.ok ? absent : absent.failure, {
      kind: "WrongDevice",
      devicePath: disk.path,
      problem: "the kernel sees no partition 2 on it, only 1",
    });
  });

  on("mounts its file system, and finds that mount by its disk as well", async (given) => {
    const { world, disk, partition } = given;
    const path = await mounted(given);
    const mount = valueOf(await world.host.mountAt(path, never));
    assert.deepEqual([mount?.majorMinor, mount?.isDead], [partition.majorMinor, false]);
    for (const { majorMinor } of [disk, partition]) {
      const mounts = valueOf(await world.host.mountsOf(majorMinor, never));
      assert.deepEqual(
        mounts.map((each) => each.path),
        [path],
      );
    }
  });

  on("is not clean of the disk while the partition is mounted", async (given) => {
    const { world, partition } = given;
    const path = await mounted(given);
    const asked: readonly Partial<CleanRequest>[] = [
      { lun: 0 },
      { lun: 0, lastMajorMinor: partition.majorMinor },
      { lastMajorMinor: partition.majorMinor },
    ];
    for (const request of asked) assert.equal(await isClean(world, request), false, JSON.stringify(request));
    valueOf(await world.host.unmount(path, never));
    for (const request of asked) assert.equal(await isClean(world, request), true, JSON.stringify(request));
  });

  on("is not clean while another mount namespace has the partition", async (given) => {
    const { world, partition } = given;
    const elsewhere = world.pathOf("elsewhere");
    await world.makeDirectory(elsewhere);
    await makeFileSystem(partition);
    const script = 'mount "$1" "$2"; echo mounted; exec cat';
    const end = await world.keepRunning("unshare", [
      "--mount",
      "--propagation=private",
      "sh",
      "-c",
      script,
      "sh",
      partition.path,
      elsewhere,
    ]);
    assert.equal(await isClean(world, { lun: 0 }), false);
    await end();
    assert.equal(await isClean(world, { lun: 0 }), true);
  });

  on("is not clean of a raw disk while a process has its partition open", async ({ world, partition }) => {
    const script = 'exec 3< "$1"; echo open; exec cat';
    const end = await world.keepRunning("sh", ["-c", script, "sh", partition.path]);
    try {
      assert.equal(await isClean(world, { lun: 0, accessType: "block" }), false);
    } finally {
      await end();
    }
    assert.equal(await isClean(world, { lun: 0, accessType: "block" }), true);
  });

  on("is not clean of a raw disk while a loop device is on its partition", async ({ world, partition }) => {
    const { stdout } = await run("losetup", ["--find", "--show", partition.path]);
    try {
      assert.equal(await isClean(world, { lun: 0, accessType: "block" }), false);
    } finally {
      await run("losetup", ["--detach", stdout.trim()]);
    }
  });

  on("takes a partition's number for reassigned once its disk is another volume's", async (given) => {
    await mounted(given);
    const request = { lastMajorMinor: given.partition.majorMinor, lunsOfOthers: [0] };
    assert.equal(await isClean(given.world, request), true);
  });

  on("refuses a partition that the disk's own table has elsewhere", async ({ world, disk, partition }) => {
    await makeFileSystem(partition);
    const right = valueOf(await world.host.inspectDevice(partition, never));
    assert.deepEqual(right, { kind: "fileSystem", fsType: "ext4", uuid: UUID });
    await writePartitionTable(disk.path, { start: 8192, size: SECTORS });
    valueOf(await world.host.dropCachedBlocks(disk, never));
    const wrong = await world.host.inspectDevice(partition, never);
    assert.match(
      wrong.ok || wrong.failure.kind !== "WrongDevice" ? "" : wrong.failure.problem,
      /the kernel has it as partition 1, and the table on the disk has none in its place/u,
    );
  });

  on("calls a partition without data blank", async ({ world, partition }) =>
    assert.deepEqual(valueOf(await world.host.inspectDevice(partition, never)), { kind: "blank" }),
  );
});

async function makeFileSystem(partition: Device): Promise<void> {
  await run("mkfs.ext4", ["-q", "-U", UUID, partition.path]);
}

async function mounted({ world, partition }: Partitioned): Promise<string> {
  await makeFileSystem(partition);
  const path = world.pathOf("staging");
  const request = { device: partition, path, fsType: "ext4", mountFlags: [], readOnly: false } as const;
  valueOf(await world.host.mountDevice(request, never));
  return path;
}

async function isClean(world: LinuxHostWorld, request: Partial<CleanRequest>): Promise<boolean> {
  const unknown = {
    accessType: "mount",
    lun: undefined,
    lastMajorMinor: undefined,
    lunsOfOthers: [],
  } as const;
  return valueOf(await world.host.isClean({ ...unknown, ...request }, never)).clean;
}
