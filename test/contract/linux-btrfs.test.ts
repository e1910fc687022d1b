import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { describe } from "node:test";
import { promisify } from "node:util";
import type { Result } from "../../src/core/failure/result.ts";
import { valueOf } from "../../src/core/testing/value-of.ts";
import type { CleanRequest, Device } from "../../src/ports/host/host-provisioner.ts";
import { aDevice, aFormattedDevice, aStagedVolume, DISK_BYTES, kindOf, never } from "./host/host-suite.ts";
import type { LinuxHostWorld } from "./worlds/linux-host-world.ts";
import { onLinuxHost } from "./worlds/on-linux-host.ts";

/** Of a disk that is gone: nothing has this number. */
const GONE = "259:99999";
const run = promisify(execFile);

function on(sentence: string, test: (world: LinuxHostWorld) => Promise<void>): void {
  onLinuxHost(sentence, { fsType: "btrfs" }, test);
}

describe("Linux host: which disk a btrfs is on", () => {
  on("is known for a source and its copy, in whatever order they are mounted", async (world) => {
    const source = await aFormattedDevice(world, 0, "btrfs");
    const [first, second] = [world.pathOf("first"), world.pathOf("second")];
    valueOf(await mount(world, source, first));
    await writeFile(`${first}/file`, "of the source", { flush: true });
    await world.attachCopy({ lun: 0, asLun: 1, sizeBytes: DISK_BYTES });
    const copy = valueOf(await world.host.findDevice({ lun: 1 }, never));
    for (const order of [
      [source, copy],
      [copy, source],
    ] as const) {
      valueOf(await world.host.unmount(first, never));
      valueOf(await mount(world, order[0], first));
      valueOf(await mount(world, order[1], second));
      assert.equal(valueOf(await world.host.mountAt(first, never))?.majorMinor, order[0].majorMinor);
      assert.equal(valueOf(await world.host.mountAt(second, never))?.majorMinor, order[1].majorMinor);
      for (const [device, path] of [
        [order[0], first],
        [order[1], second],
      ] as const)
        assert.deepEqual(
          valueOf(await world.host.mountsOf(device.majorMinor, never)).map((found) => found.path),
          [path],
        );
      assert.equal(kindOf(await mount(world, order[0], second)), "MountedOtherwise");
      valueOf(await world.host.unmount(second, never));
      assert.deepEqual(valueOf(await world.host.mountsOf(order[1].majorMinor, never)), []);
    }
  });

  on("is mounted where an earlier disk with its number was one of several", async (world) => {
    const source = await aFormattedDevice(world, 0, "btrfs");
    valueOf(await mount(world, source, world.pathOf("source")));
    const several = [await aDevice(world, 1), await aDevice(world, 2)] as const;
    await run("mkfs.btrfs", ["-q", "-d", "single", ...several.map(({ path }) => path)]);
    const [copy] = several;
    await run("dd", [`if=${source.path}`, `of=${copy.path}`, "bs=4M", "conv=fsync"]);
    const path = world.pathOf("copy");
    await mkdir(path);
    await assert.rejects(run("mount", ["-t", "btrfs", copy.path, path]), /wrong fs type/u);
    valueOf(await mount(world, copy, path));
    assert.equal(valueOf(await world.host.mountAt(path, never))?.majorMinor, copy.majorMinor);
    // What is wrong with a disk is still said after the second attempt.
    valueOf(await world.host.unmount(path, never));
    await run("dd", ["if=/dev/zero", `of=${copy.path}`, "bs=4M", "count=20", "conv=fsync"]);
    assert.equal(kindOf(await mount(world, copy, path)), "HostCommandFailed");
  });

  on("is known for a subvolume and of a folder that are bound elsewhere", async (world) => {
    const { device, staging } = await aStagedVolume(world, "btrfs");
    await run("btrfs", ["subvolume", "create", `${staging}/nested`]);
    await mkdir(`${staging}/folder`);
    const paths = [world.pathOf("nested"), world.pathOf("folder")];
    for (const [index, name] of ["nested", "folder"].entries()) {
      await mkdir(paths[index] ?? "");
      await run("mount", ["--bind", `${staging}/${name}`, paths[index] ?? ""]);
    }
    assert.deepEqual(
      valueOf(await world.host.mountsOf(device.majorMinor, never)).map(({ path }) => path),
      [staging, ...paths],
    );
    for (const path of paths)
      assert.equal(valueOf(await world.host.mountAt(path, never))?.majorMinor, device.majorMinor);
  });

  on("is known for a mount that another one hides", async (world) => {
    const { device, staging } = await aStagedVolume(world, "btrfs");
    const target = world.pathOf("target");
    valueOf(await bind(world, staging, target));
    await run("mount", ["-t", "tmpfs", "none", target]);
    assert.deepEqual(
      valueOf(await world.host.mountsOf(device.majorMinor, never)).map(({ path }) => path),
      [staging, target],
    );
  });
});

describe("Linux host: a btrfs whose disk can't be found out", () => {
  on("keeps its mount, which nothing takes for another disk's or for none", async (world) => {
    const { device, staging } = await aStagedVolume(world, "btrfs");
    const repair = await breakStat(world);
    for (const [what, answer] of Object.entries({
      mountAt: world.host.mountAt(staging, never),
      mountsOf: world.host.mountsOf(device.majorMinor, never),
      mountDevice: mount(world, device, staging),
      growFileSystem: world.host.growFileSystem({ device, mountPath: staging, fsType: "btrfs" }, never),
      bindMount: bind(world, staging, world.pathOf("target")),
      isClean: world.host.isClean(cleanRequest(device), never),
    }))
      assert.equal(kindOf(await answer), "HostCommandFailed", what);
    await repair();
    valueOf(await mount(world, device, staging));
    assert.deepEqual(
      valueOf(await world.host.mountsOf(device.majorMinor, never)).map(({ path }) => path),
      [staging],
    );
  });

  on("says nothing of a disk with another btrfs, which is found out", async (world) => {
    const { device } = await aStagedVolume(world, "btrfs");
    const other = await aFormattedDevice(world, 1, "btrfs");
    const repair = await breakStat(world);
    assert.deepEqual(valueOf(await world.host.mountsOf(other.majorMinor, never)), []);
    assert.equal(valueOf(await world.host.isClean(cleanRequest(other), never)).clean, true);
    await repair();
    assert.equal((await isClean(world, device)).clean, false);
  });

  on("is not kept mounted, and is mounted later", async (world) => {
    const device = await aFormattedDevice(world, 0, "btrfs");
    const staging = world.pathOf("staging");
    const repair = await breakStat(world);
    assert.equal(kindOf(await mount(world, device, staging)), "HostCommandFailed");
    const { clean, reason } = await isClean(world, device);
    assert.equal(clean, true, reason);
    await repair();
    valueOf(await mount(world, device, staging));
    assert.equal(valueOf(await world.host.mountAt(staging, never))?.majorMinor, device.majorMinor);
  });

  on("is unmounted", async (world) => {
    const { device, staging } = await aStagedVolume(world, "btrfs");
    const repair = await breakStat(world);
    valueOf(await world.host.unmount(staging, never));
    assert.equal((await isClean(world, device)).clean, true);
    await repair();
  });
});

describe("Linux host: a btrfs on several disks", () => {
  on("is refused before its mount, with the number of its disks", async (world) => {
    const disks = [await aDevice(world, 0), await aDevice(world, 1)];
    await run("mkfs.btrfs", ["-q", "-d", "single", ...disks.map(({ path }) => path)]);
    for (const disk of disks) {
      assert.deepEqual(valueOf(await world.host.inspectDevice(disk, never)), {
        kind: "otherData",
        detail: "one of 2 devices of a btrfs, which would write to disks that are not the volume's",
      });
      const made = await world.host.format({ device: disk, fsType: "btrfs", uuid: randomUUID() }, never);
      assert.equal(kindOf(made), "WrongFileSystem");
    }
  });

  on("is not kept mounted as a volume, and nothing else of it either", async (world) => {
    const disks = [await aDevice(world, 0), await aDevice(world, 1)];
    await run("mkfs.btrfs", ["-q", "-d", "single", ...disks.map(({ path }) => path)]);
    const [disk] = disks;
    assert.ok(disk !== undefined);
    const staging = world.pathOf("staging");
    assert.equal(kindOf(await mount(world, disk, staging)), "FileSystemNotUnique");
    assert.equal(valueOf(await world.host.mountAt(staging, never)), undefined);
    for (const { majorMinor } of disks) assert.equal((await isClean(world, { majorMinor })).clean, true);
  });

  on("holds both disks if a pod makes it so while it is mounted", async (world) => {
    const { device, staging } = await aStagedVolume(world, "btrfs");
    const other = await aDevice(world, 1);
    await run("btrfs", ["device", "add", "--nodiscard", other.path, staging]);
    for (const { majorMinor } of [device, other]) {
      assert.deepEqual(
        valueOf(await world.host.mountsOf(majorMinor, never)).map(({ path }) => path),
        [staging],
      );
      const { clean, reason } = await isClean(world, { majorMinor });
      assert.equal(clean, false);
      assert.match(reason, /btrfs [-0-9a-f]{36}, mounted on this node/u);
    }
    assert.notEqual(valueOf(await world.host.mountAt(staging, never))?.majorMinor, device.majorMinor);
    assert.equal(kindOf(await mount(world, device, staging)), "MountedOtherwise");
    valueOf(await world.host.unmount(staging, never));
    assert.equal(valueOf(await world.host.inspectDevice(device, never)).kind, "otherData");
    for (const { majorMinor } of [device, other])
      assert.equal((await isClean(world, { majorMinor })).clean, true);
  });

  on("grows on the disk that has replaced its first one", async (world) => {
    const { device, staging } = await aStagedVolume(world, "btrfs");
    const other = await aDevice(world, 1);
    await run("btrfs", ["device", "add", "--nodiscard", other.path, staging]);
    await run("btrfs", ["device", "remove", device.path, staging]);
    await world.growDisk({ lun: 1, sizeBytes: 2n * DISK_BYTES });
    const grown = valueOf(await world.host.rescanDevice(other, never));
    const request = { device: grown, mountPath: staging, fsType: "btrfs" } as const;
    valueOf(await world.host.growFileSystem(request, never));
    assert.ok(valueOf(await world.host.fileSystemStats(staging, never)).totalBytes > DISK_BYTES);
    assert.equal(kindOf(await world.host.growFileSystem({ ...request, device }, never)), "WrongDevice");
  });
});

describe("Linux host: a btrfs that fails over", () => {
  on("has every synced file on the next node, while the dead mount is still there", async (world) => {
    const { device, staging } = await aStagedVolume(world, "btrfs");
    await writeFile(`${staging}/synced`, "synced", { flush: true });
    await world.attachSameDisk({ lun: 0, asLun: 2 });
    await world.detachDisk(0);
    const other = valueOf(await world.host.findDevice({ lun: 2 }, never));
    const there = world.pathOf("there");
    valueOf(await mount(world, other, there));
    assert.equal(await readFile(`${there}/synced`, "utf8"), "synced");
    await writeFile(`${there}/synced`, "of the next node", { flush: true });
    const dead = valueOf(await world.host.mountAt(staging, never));
    assert.deepEqual([dead?.majorMinor, dead?.isDead], [device.majorMinor, true]);
    assert.equal((await isClean(world, device)).clean, false);
    valueOf(await world.host.unmount(staging, never));
    assert.equal((await isClean(world, device)).clean, true);
    assert.equal(await readFile(`${there}/synced`, "utf8"), "of the next node");
    valueOf(await world.host.unmount(there, never));
    await run("btrfs", ["check", other.path]);
  });

  on("shows a reader what was synced, from the log that only its mount replays", async (world) => {
    const { staging } = await aStagedVolume(world, "btrfs");
    await writeFile(`${staging}/first`, "committed", { flush: true });
    valueOf(await world.host.flush(staging, never));
    await writeFile(`${staging}/first`, "in the log only", { flush: true });
    await world.attachSameDisk({ lun: 0, asLun: 2 });
    await world.detachDisk(0);
    const other = valueOf(await world.host.findDevice({ lun: 2 }, never));
    const { stdout } = await run("btrfs", ["inspect-internal", "dump-super", other.path]);
    assert.doesNotMatch(stdout, /^log_root\s+0$/mu, "there is nothing to replay");
    const path = world.pathOf("reader");
    valueOf(await mount(world, other, path, true));
    assert.equal(valueOf(await world.host.mountAt(path, never))?.readOnly, true);
    assert.equal(await readFile(`${path}/first`, "utf8"), "in the log only");
  });
});

describe("Linux host: clean of a btrfs", () => {
  for (const accessType of ["mount", "block"] as const)
    on(`isn't while only another mount namespace has it mounted (${accessType})`, async (world) => {
      const { device, staging } = await aStagedVolume(world, "btrfs");
      const leave = await world.keepRunning("unshare", [
        "--mount",
        "--propagation",
        "private",
        "sh",
        "-c",
        "echo there; exec cat",
      ]);
      await run("umount", [staging]);
      const { clean, reason } = await isClean(world, { ...device, accessType });
      assert.equal(clean, false);
      assert.match(reason, /held exclusively .*; btrfs [-0-9a-f]{36}, mounted on this node/u);
      await leave();
      assert.equal((await isClean(world, { ...device, accessType })).clean, true);
    });

  on("is, of one disk, while another one's is mounted", async (world) => {
    await aStagedVolume(world, "btrfs");
    const other = await aFormattedDevice(world, 1, "btrfs");
    assert.equal((await isClean(world, other)).clean, true);
    assert.equal((await isClean(world, { majorMinor: GONE })).clean, true);
  });

  on("is, of a disk that is gone, while the node's own RAID is mounted without one of its", async (world) => {
    const [present, failed] = [await aDevice(world, 0), await aDevice(world, 1)];
    await run("mkfs.btrfs", ["-q", "-m", "raid1", "-d", "raid1", present.path, failed.path]);
    const own = world.pathOf("own");
    await mkdir(own);
    await world.detachDisk(1);
    await run("mount", ["-o", "degraded", present.path, own]);
    assert.deepEqual(await isClean(world, { majorMinor: GONE }), {
      clean: true,
      reason: "the device is absent and nothing holds it",
    });
    assert.equal((await isClean(world, present)).clean, false);
    assert.equal(valueOf(await world.host.mountAt(own, never))?.isDead, false);
    await run("umount", [own]);
    // The kernel would take the next disk with one of these numbers for one of the RAID.
    for (const { path } of [present, failed]) await run("btrfs", ["device", "scan", "--forget", path]);
  });
});

interface CleanOf {
  readonly majorMinor: string;
  readonly accessType?: CleanRequest["accessType"];
}

async function isClean({ host }: LinuxHostWorld, of: CleanOf) {
  return valueOf(await host.isClean(cleanRequest(of), never));
}

function cleanRequest({ majorMinor, accessType = "mount" }: CleanOf): CleanRequest {
  return { accessType, lun: undefined, lastMajorMinor: majorMinor, lunsOfOthers: [] };
}

/** Puts a stat(1) that fails before the real one, until the answered function is called. */
async function breakStat(world: LinuxHostWorld): Promise<() => Promise<void>> {
  const bin = world.pathOf("bin");
  await mkdir(bin);
  await writeFile(join(bin, "stat"), "#!/bin/sh\nexit 1\n", { mode: 0o755 });
  process.env["PATH"] = [bin, process.env["PATH"] ?? ""].join(delimiter);
  return () => rm(bin, { recursive: true });
}

function bind({ host }: LinuxHostWorld, stagingPath: string, targetPath: string): Promise<Result<void>> {
  return host.bindMount({ stagingPath, targetPath, readOnly: false, mountFlags: [] }, never);
}

function mount(
  { host }: LinuxHostWorld,
  device: Device,
  path: string,
  readOnly = false,
): Promise<Result<void>> {
  return host.mountDevice({ device, path, fsType: "btrfs", mountFlags: [], readOnly }, never);
}
