import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtemp, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { promisify } from "node:util";
import { mkfsArguments } from "../../src/core/node/file-system/mkfs-arguments.ts";
import { gibToBytes } from "../../src/core/primitives/units.ts";
import { valueOf } from "../../src/core/testing/value-of.ts";
import {
  blockSizes,
  type FileSystemGeometry,
  geometryProblem,
  inodeRatios,
  inodeSizes,
  smallBlockMaxGiB,
} from "../../src/core/volume/device/file-system-geometry.ts";
import type { FileSystemType } from "../../src/core/volume/device/file-system.ts";
import type { Device } from "../../src/ports/host/host-provisioner.ts";
import { never } from "./host/host-suite.ts";
import type { LinuxHostWorld } from "./worlds/linux-host-world.ts";
import { onLinuxHost, onRealDevices } from "./worlds/on-linux-host.ts";

/** XFS mounts none beside another that has it. */
const uuid = randomUUID();
const mark = { diskUri: "/disks/pvc-1", uuid };
const run = promisify(execFile);

interface Made {
  readonly fsType: FileSystemType;
  readonly geometry: FileSystemGeometry;
}

/** On a disk of 1 GiB: the least and the most of each size. */
const made: readonly Made[] = [
  { fsType: "ext4", geometry: { blockSize: 1024, inodeSize: 256, bytesPerInode: 1024 } },
  { fsType: "ext4", geometry: { blockSize: 2048, inodeSize: 1024, bytesPerInode: 4096 } },
  { fsType: "ext4", geometry: { blockSize: 4096, inodeSize: 2048, bytesPerInode: 4_194_304 } },
  { fsType: "ext3", geometry: { blockSize: 4096, inodeSize: 512, bytesPerInode: 4096 } },
  { fsType: "ext2", geometry: { blockSize: 4096, inodeSize: 1024, bytesPerInode: 4096 } },
  { fsType: "xfs", geometry: { blockSize: 1024, inodeSize: 512 } },
  { fsType: "xfs", geometry: { blockSize: 4096, inodeSize: 2048 } },
];

describe("Linux host that makes a file system with a geometry", () => {
  for (const { fsType, geometry } of made)
    onLinuxHost(
      `makes, checks, mounts and grows ${fsType} with ${JSON.stringify(geometry)}`,
      { fsType },
      (world) => makesAndGrows(world, { fsType, geometry }),
    );
});

async function makesAndGrows(world: LinuxHostWorld, { fsType, geometry }: Made): Promise<void> {
  const { host } = world;
  await world.attachDisk({ lun: 0, sizeBytes: gibToBytes(1) });
  const device = valueOf(await host.findDevice({ lun: 0 }, never));
  valueOf(await host.writeFormatMark({ device, fsType, mark }, never));
  valueOf(await host.format({ device, fsType, uuid, geometry }, never));
  // Without it, an interrupted format would pass for a user's data.
  assert.deepEqual(valueOf(await host.readFormatMark(device, never)), mark);
  valueOf(await host.eraseFormatMark({ device, diskUri: mark.diskUri }, never));
  assert.deepEqual(valueOf(await host.inspectDevice(device, never)), { kind: "fileSystem", fsType, uuid });

  const path = world.pathOf("staging");
  const mount = { path, fsType, mountFlags: [], readOnly: false };
  const first = await ready(world, device, fsType);
  valueOf(await host.mountDevice({ device: first, ...mount }, never));
  await writeFile(`${path}/written`, "before the growth", { flush: true });
  assert.deepEqual(await geometryOn(first, fsType, path), geometry);
  valueOf(await host.unmount(path, never));

  await world.growDisk({ lun: 0, sizeBytes: gibToBytes(2) });
  const larger = await ready(world, valueOf(await host.rescanDevice(first, never)), fsType);
  valueOf(await host.mountDevice({ device: larger, ...mount }, never));
  valueOf(await host.growFileSystem({ device: larger, mountPath: path, fsType }, never));
  const { totalBytes } = valueOf(await host.fileSystemStats(path, never));
  assert.ok(totalBytes > gibToBytes(1), `it has ${totalBytes} bytes`);
  assert.equal(await readFile(`${path}/written`, "utf8"), "before the growth");
  assert.deepEqual(await geometryOn(larger, fsType, path), geometry);
  valueOf(await host.unmount(path, never));
  // The full check of a person, who repairs by hand.
  if (fsType === "xfs") await run("xfs_repair", ["-n", larger.path]);
  else await run("e2fsck", ["-f", "-n", larger.path]);
}

/** What a stage does before each mount. */
async function ready({ host }: LinuxHostWorld, device: Device, fsType: FileSystemType): Promise<Device> {
  valueOf(await host.checkFileSystem({ device, fsType }, never));
  valueOf(await host.growBeforeMount({ device, fsType }, never));
  return device;
}

async function geometryOn(device: Device, fsType: FileSystemType, path: string): Promise<FileSystemGeometry> {
  if (fsType === "xfs") {
    const { stdout } = await run("xfs_info", [path]);
    const size = (pattern: RegExp): number => Number(pattern.exec(stdout)?.[1]);
    return { blockSize: size(/^data +=.*?bsize=(\d+)/mu), inodeSize: size(/isize=(\d+)/u) };
  }
  const { field } = await superblockOf(device.path);
  const bytes = field("Block count") * field("Block size");
  return {
    blockSize: field("Block size"),
    inodeSize: field("Inode size"),
    bytesPerInode: bytes / field("Inode count"),
  };
}

async function superblockOf(path: string): Promise<{ readonly field: (name: string) => number }> {
  const { stdout } = await run("dumpe2fs", ["-h", path]);
  return { field: (name) => Number(new RegExp(`^${name}:\\s+(\\d+)$`, "mu").exec(stdout)?.[1]) };
}

describe("mkfs of this machine", () => {
  const withFile = (sentence: string, test: (path: string) => Promise<void>): void => {
    it(sentence, onRealDevices, async () => {
      const directory = await mkdtemp(join(tmpdir(), "geometry-"));
      const path = join(directory, "disk");
      await writeFile(path, "");
      try {
        await test(path);
      } finally {
        await rm(directory, { recursive: true });
      }
    });
  };

  withFile("takes every geometry that CreateVolume allows", async (path) => {
    const { stdout: version } = await run("mkfs.xfs", ["-V"]);
    for (const sizeGiB of [1, 32, 512]) {
      await truncate(path, Number(gibToBytes(sizeGiB)));
      for (const { fsType, geometry } of allowedFor(sizeGiB)) {
        // Neither writes.
        const dryRun = fsType === "xfs" ? "-N" : "-n";
        const args = [...mkfsArguments({ fsType, uuid, version, geometry }), dryRun, path];
        const { stderr } = await run(`mkfs.${fsType}`, args);
        assert.equal(stderr, "", `${fsType} ${JSON.stringify(geometry)} on ${sizeGiB} GiB`);
      }
    }
  });

  for (const [blockSize, maxGiB = 0] of Object.entries(smallBlockMaxGiB))
    withFile(`reserves room for an ext4 of blocks of ${blockSize} to grow to ${maxGiB} GiB`, async (path) => {
      await truncate(path, Number(gibToBytes(1)));
      const geometry = { blockSize: Number(blockSize) };
      await run("mkfs.ext4", [...mkfsArguments({ fsType: "ext4", uuid, version: "", geometry }), path]);
      const { field } = await superblockOf(path);
      const groupBytes = field("Blocks per group") * geometry.blockSize;
      const descriptors = geometry.blockSize / field("Group descriptor size");
      const reserved = field("Reserved GDT blocks") * descriptors * groupBytes;
      assert.ok(reserved + Number(gibToBytes(1)) >= Number(gibToBytes(maxGiB)), `${reserved} bytes`);
    });
});

function allowedFor(sizeGiB: number): readonly Made[] {
  const ext = blockSizes.flatMap((blockSize) =>
    inodeSizes.flatMap((inodeSize) =>
      inodeRatios.map((bytesPerInode) => ({ blockSize, inodeSize, bytesPerInode })),
    ),
  );
  const xfs = blockSizes.flatMap((blockSize) => inodeSizes.map((inodeSize) => ({ blockSize, inodeSize })));
  const all: readonly Made[] = [
    ...ext.flatMap((geometry) => (["ext4", "ext3", "ext2"] as const).map((fsType) => ({ fsType, geometry }))),
    ...xfs.map((geometry) => ({ fsType: "xfs" as const, geometry })),
  ];
  return all.filter(({ fsType, geometry }) => geometryProblem({ fsType, geometry, sizeGiB }) === undefined);
}
