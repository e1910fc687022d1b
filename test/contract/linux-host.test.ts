import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { constants } from "node:fs";
import { lstat, mkdir, mkdtemp, open, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { basename, delimiter, dirname, join } from "node:path";
import { describe, it } from "node:test";
import { promisify } from "node:util";
import { createLinuxHost } from "../../src/adapters/linux/create-linux-host.ts";
import { extErrorsFound } from "../../src/adapters/linux/device/block-device.ts";
import { systemClock } from "../../src/adapters/system/system-clock.ts";
import { parseMountinfo } from "../../src/core/node/parse-mountinfo.ts";
import { valueOf } from "../../src/core/testing/value-of.ts";
import { type FileSystemType, linuxFileSystemTypes } from "../../src/core/volume/device/file-system.ts";
import { dataPlaneAvailable } from "../../src/emulator/data-plane/data-plane-available.ts";
import type { CleanRequest, Device, HostProvisioner } from "../../src/ports/host/host-provisioner.ts";
import { makeLinuxHostWorld } from "./worlds/linux-host-world.ts";
import type { LinuxHostWorld } from "./worlds/linux-host-world.ts";

const TEST_TIMEOUT_MS = 900_000;
const DISK_BYTES = 64n * 1024n * 1024n;
/** XFS refuses anything below 300 MiB. */
const XFS_BYTES = 320n * 1024n * 1024n;
/** Room for the mark of a first format. */
const MARKED_BYTES = 128n * 1024n * 1024n;
const MIB = 1024 * 1024;
/** Opens the device `$2`:`$3` in a folder below `$1` whose path has more than 4096 bytes. */
const OPEN_DEEP = `
cd "$1"
name=$(printf %0200d 0)
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25; do mkdir $name; cd -P $name; done
mknod device b "$2" "$3"
exec 3<device
echo open
exec cat
`;
const FREEZING_PLUGIN = join(import.meta.dirname, "worlds/freezing-plugin.ts");
const never = new AbortController().signal;
const run = promisify(execFile);

const devices = dataPlaneAvailable();

function on(sentence: string, test: (world: LinuxHostWorld) => Promise<void>): void {
  it(
    sentence,
    { timeout: TEST_TIMEOUT_MS, ...(devices.available ? {} : { skip: devices.reason }) },
    async () => {
      const world = await makeLinuxHostWorld();
      try {
        await test(world);
      } finally {
        await world.close();
      }
    },
  );
}

describe("Linux host that can't serve a file system", () => {
  const mark = { diskUri: "/disks/pvc-1", uuid: randomUUID() };
  for (const fsType of linuxFileSystemTypes) {
    on(`neither marks nor erases a disk for ${fsType} without its mkfs`, async (world) => {
      const bin = world.pathOf("bin");
      await mkdir(bin, { recursive: true });
      await writeFile(join(bin, `mkfs.${fsType}`), "#!/bin/sh\necho no such library >&2\nexit 127\n", {
        mode: 0o755,
      });
      process.env["PATH"] = `${bin}${delimiter}${process.env["PATH"] ?? ""}`;
      await refusesToBegin(world, world.host, { fsType, problem: `mkfs.${fsType}: no such library` });
    });

    on(`neither marks nor erases a disk for ${fsType} on a kernel without it`, async (world) => {
      const others = linuxFileSystemTypes.filter((other) => other !== fsType);
      const procRoot = world.pathOf("proc");
      await mkdir(procRoot, { recursive: true });
      await writeFile(
        join(procRoot, "filesystems"),
        ["nodev\tsysfs", ...others.map((other) => `\t${other}`), ""].join("\n"),
      );
      const host = await createLinuxHost({
        deviceRoot: world.deviceRoot,
        lockDirectory: world.pathOf("locks-of-another"),
        clock: systemClock,
        procRoot,
      });
      try {
        await refusesToBegin(world, host, { fsType, problem: `the kernel has no module ${fsType}` });
        const device = valueOf(await host.findDevice({ lun: 0 }, never));
        const [served] = others;
        assert.ok(served !== undefined);
        valueOf(await host.writeFormatMark({ device, fsType: served, mark }, never));
      } finally {
        await host.close();
      }
    });
  }

  /** Neither a mark nor an erasure is begun, so that another node finds the disk as it was. */
  async function refusesToBegin(
    world: LinuxHostWorld,
    host: HostProvisioner,
    { fsType, problem }: { readonly fsType: FileSystemType; readonly problem: string },
  ): Promise<void> {
    const device = await aDevice(world, MARKED_BYTES);
    await world.scribble(0);
    const before = await readFile(world.fileOf(0));
    for (const refused of [
      await host.writeFormatMark({ device, fsType, mark }, never),
      await host.eraseUnfinishedFormat({ device, fsType }, never),
    ])
      assert.deepEqual(refused, { ok: false, failure: { kind: "FileSystemUnserved", fsType, problem } });
    assert.ok((await readFile(world.fileOf(0))).equals(before), "the disk has changed");
  }
});

describe("Linux host on a file system that a backup has left frozen", () => {
  on("unmounts it, frees its device, and lets the next mount write", async (world) => {
    const device = await aFormattedDevice(world);
    const staging = await aStagedVolume(world, device);
    await writeFile(`${staging}/synced`, "synced", { flush: true });
    await run("fsfreeze", ["--freeze", staging]);
    valueOf(await world.host.unmount(staging, never));
    const request = { accessType: "mount", lastMajorMinor: device.majorMinor, lunsOfOthers: [] } as const;
    assert.deepEqual(valueOf(await world.host.isClean({ ...request, lun: undefined }, never)).clean, true);
    const again = await aStagedVolume(world, device);
    assert.equal(await readFile(`${again}/synced`, "utf8"), "synced");
    await writeFile(`${again}/written`, "written", { flush: true });
  });

  on("frees its device, too, where an error has made it read-only", async (world) => {
    const device = await aFormattedDevice(world);
    const staging = await aStagedVolume(world, device, ["errors=remount-ro"]);
    await run("fsfreeze", ["--freeze", staging]);
    const { majorMinor } = device;
    await writeFile(`/sys/fs/ext4/${basename(device.path)}/trigger_fs_error`, "test");
    assert.equal(valueOf(await world.host.mountAt(staging, never))?.isDead, true);
    valueOf(await world.host.unmount(staging, never));
    const request = { accessType: "mount", lastMajorMinor: majorMinor, lunsOfOthers: [] } as const;
    assert.deepEqual(valueOf(await world.host.isClean({ ...request, lun: undefined }, never)).clean, true);
  });
});

describe("Linux host that freezes a file system", () => {
  for (const fsType of ["ext4", "xfs"] as const)
    on(`leaves ${fsType} writable when the plug-in is killed`, async (world) => {
      const device = await aFormattedDevice(world, fsType);
      const staging = await aStagedVolume(world, device, [], fsType);
      const plugin = spawn(
        process.execPath,
        [FREEZING_PLUGIN, world.pathOf("locks"), staging, device.majorMinor],
        { stdio: ["ignore", "pipe", "inherit"] },
      );
      const exited = once(plugin, "exit");
      await once(plugin.stdout, "data");
      await assert.rejects(run("fsfreeze", ["--freeze", staging]), /busy/u);
      plugin.kill("SIGKILL");
      await exited;
      await writeFile(`${staging}/after`, "after", { flush: true });
      assert.equal(await readFile(`${staging}/after`, "utf8"), "after");
      const { majorMinor } = device;
      assert.deepEqual(valueOf(await world.host.thaw({ path: staging, majorMinor }, never)), { held: false });
    });

  on("leaves alone what an operator has frozen", async (world) => {
    const device = await aFormattedDevice(world);
    const path = await aStagedVolume(world, device);
    await run("fsfreeze", ["--freeze", path]);
    const { majorMinor } = device;
    const refused = await world.host.freeze({ path, majorMinor, limitMs: 60_000 }, never);
    assert.equal(refused.ok ? "frozen" : refused.failure.kind, "DeviceBusy");
    await run("fsfreeze", ["--unfreeze", path]);
  });
});

describe("Linux host on a disk that several machines have", () => {
  on("finds every synced file after a detach, once the journal is replayed elsewhere", async (world) => {
    const device = await aFormattedDevice(world);
    const staging = await aStagedVolume(world, device);
    await writeFile(`${staging}/synced`, "synced", { flush: true });
    await writeFile(`${staging}/unsynced`, "unsynced");
    await world.attachSameDisk({ lun: 0, asLun: 2 });
    await world.detachDisk(0);
    valueOf(await world.host.unmount(staging, never));
    const other = valueOf(await world.host.findDevice({ lun: 2 }, never));
    valueOf(await world.host.checkFileSystem({ device: other, fsType: "ext4" }, never));
    const there = await aStagedVolume(world, other);
    assert.equal(await readFile(`${there}/synced`, "utf8"), "synced");
  });

  for (const fsType of ["ext4", "xfs"] as const)
    on(`shows a reader every synced file after a detach, read-only (${fsType})`, async (world) => {
      const device = await aFormattedDevice(world, fsType);
      const staging = await aStagedVolume(world, device, [], fsType);
      await writeFile(`${staging}/synced`, "synced", { flush: true });
      await world.attachSameDisk({ lun: 0, asLun: 2 });
      await world.detachDisk(0);
      valueOf(await world.host.unmount(staging, never));
      const other = valueOf(await world.host.findDevice({ lun: 2 }, never));
      const path = world.pathOf("reader");
      valueOf(await world.host.checkFileSystem({ device: other, fsType }, never));
      valueOf(
        await world.host.mountDevice({ device: other, path, fsType, mountFlags: [], readOnly: true }, never),
      );
      assert.equal(valueOf(await world.host.mountAt(path, never))?.readOnly, true);
      assert.equal(await readFile(`${path}/synced`, "utf8"), "synced");
      await assert.rejects(writeFile(`${path}/file`, "text"), /EROFS/u);
    });

  on("calls the mount of a detached disk dead before anything is written to it", async (world) => {
    const staging = await aStagedVolume(world, await aFormattedDevice(world));
    await world.detachDisk(0);
    assert.equal(valueOf(await world.host.mountAt(staging, never))?.isDead, true);
  });
});

describe("Linux host: clean", () => {
  const mount: CleanRequest = { accessType: "mount", lun: 0, lastMajorMinor: undefined, lunsOfOthers: [] };
  const block: CleanRequest = { ...mount, accessType: "block" };

  for (const request of [mount, block])
    on(
      `isn't clean while only another mount namespace has the disk (${request.accessType})`,
      async (world) => {
        const { device, leave } = await aMountElsewhere(world);
        const kept = valueOf(
          await world.host.isClean({ ...request, lastMajorMinor: device.majorMinor }, never),
        );
        assert.equal(kept.clean, false);
        assert.match(kept.reason, /held exclusively .*; it is mounted for process \d+/);
        await leave();
        assert.equal(
          valueOf(await world.host.isClean({ ...request, lastMajorMinor: device.majorMinor }, never)).clean,
          true,
        );
      },
    );

  on("isn't clean while only another mount namespace has a detached disk", async (world) => {
    const { device, leave } = await aMountElsewhere(world);
    await world.detachDisk(0);
    const kept = valueOf(
      await world.host.isClean({ ...mount, lun: undefined, lastMajorMinor: device.majorMinor }, never),
    );
    assert.match(kept.reason, /held exclusively .*; it is mounted for process \d+/);
    await leave();
    assert.equal(
      valueOf(
        await world.host.isClean({ ...mount, lun: undefined, lastMajorMinor: device.majorMinor }, never),
      ).clean,
      true,
    );
  });

  on("isn't clean while only another mount namespace has a disk unknown to the kernel", async (world) => {
    const { device, leave } = await aMountElsewhere(world);
    const emptySysfs = world.pathOf("sys");
    await mkdir(emptySysfs);
    const host = await createLinuxHost({
      sysRoot: emptySysfs,
      lockDirectory: world.pathOf("locks"),
      clock: systemClock,
    });
    const request = { ...mount, lun: undefined, lastMajorMinor: device.majorMinor };
    const kept = valueOf(await host.isClean(request, never));
    await leave();
    const left = valueOf(await host.isClean(request, never));
    await host.close();
    assert.match(kept.reason, /^it is mounted for process \d+$/);
    assert.deepEqual(left, { clean: true, reason: "the device is absent and nothing holds it" });
  });

  for (const request of [mount, block])
    on(`names what LVM of this host has made of a held disk (${request.accessType})`, async (world) => {
      const { device, leave } = await aMountElsewhere(world);
      const sysRoot = world.pathOf("sys");
      // No kernel of a test has a device mapper: its traces in sysfs.
      const sysfs = join(sysRoot, "dev/block", device.majorMinor);
      await mkdir(join(sysfs, "holders/dm-0/dm"), { recursive: true });
      await writeFile(join(sysfs, "holders/dm-0/dm/name"), "vg-data\n");
      await writeFile(join(sysfs, "uevent"), `DEVNAME=${basename(device.path)}\n`);
      await writeFile(join(sysfs, "size"), `${device.sizeBytes / 512n}\n`);
      const host = await createLinuxHost({
        sysRoot,
        lockDirectory: world.pathOf("locks"),
        clock: systemClock,
      });
      const { reason } = valueOf(
        await host.isClean({ ...request, lun: undefined, lastMajorMinor: device.majorMinor }, never),
      );
      await leave();
      await host.close();
      assert.match(reason, /held exclusively .*; dm-0 \(vg-data\) stands on it/u);
    });

  on("isn't clean while a lazily unmounted mount is still in use", async (world) => {
    const device = await aFormattedDevice(world);
    const staging = await aStagedVolume(world, device);
    await writeFile(`${staging}/file`, "text");
    const close = await world.keepFileOpen(`${staging}/file`);
    await run("umount", ["--lazy", staging]);
    const kept = valueOf(await world.host.isClean(mount, never));
    await world.detachDisk(0);
    const cutOff = valueOf(
      await world.host.isClean({ ...mount, lun: undefined, lastMajorMinor: device.majorMinor }, never),
    );
    await close();
    assert.match(kept.reason, /held exclusively/);
    assert.match(cutOff.reason, /held exclusively/);
  });

  on("isn't clean of raw block that is open by a path too long for the kernel to tell", async (world) => {
    const device = await aDevice(world);
    const folder = world.pathOf("deep");
    await mkdir(folder);
    const leave = await world.keepRunning("sh", [
      "-c",
      OPEN_DEEP,
      "sh",
      folder,
      ...device.majorMinor.split(":"),
    ]);
    const kept = await world.host.isClean(block, never);
    await leave();
    // It goes down by relative paths, as fs.rm does not.
    await run("rm", ["-rf", folder]);
    assert.match(valueOf(kept).reason, /^it is open in process \d+$/u);
    assert.equal(valueOf(await world.host.isClean(block, never)).clean, true);
  });

  on("isn't clean of raw block while a loop device uses the disk", async (world) => {
    await world.attachDisk({ lun: 0, sizeBytes: DISK_BYTES });
    const device = valueOf(await world.host.findDevice({ lun: 0 }, never));
    const { stdout } = await run("losetup", ["--find", "--show", device.path]);
    const loop = stdout.trim();
    const kept = valueOf(await world.host.isClean(block, never));
    await run("losetup", ["--detach", loop]);
    assert.deepEqual(kept, { clean: false, reason: `${loop} stands on it` });
    assert.equal(valueOf(await world.host.isClean(block, never)).clean, true);
  });

  on("isn't clean of raw block while a loop device uses kubelet's node of the device", async (world) => {
    await world.attachDisk({ lun: 0, sizeBytes: DISK_BYTES });
    const device = valueOf(await world.host.findDevice({ lun: 0 }, never));
    const bound = world.pathOf("bound");
    await writeFile(bound, "");
    await run("mount", ["--bind", device.path, bound]);
    const { stdout } = await run("losetup", ["--find", "--show", bound]);
    const loop = stdout.trim();
    await run("umount", ["--lazy", bound]);
    const kept = valueOf(await world.host.isClean(block, never));
    await run("losetup", ["--detach", loop]);
    assert.deepEqual(kept, { clean: false, reason: `${loop} stands on it` });
    assert.equal(valueOf(await world.host.isClean(block, never)).clean, true);
  });

  for (const request of [mount, block]) {
    on(
      `has what an ended process wrote on the disk before it is clean (${request.accessType})`,
      async (world) => {
        const device = await aDevice(world);
        // Like an agent of the node, it keeps the kernel from flushing with the writer's last close. This
        // process's descriptors are no trace.
        const other = await open(device.path, "r");
        await run("dd", ["if=/dev/zero", `of=${device.path}`, "bs=1M", "count=8", "conv=notrunc"]);
        await run("sh", ["-c", 'printf written | dd of="$1" bs=1M seek=7 conv=notrunc', "sh", device.path]);
        const found = await world.host.isClean(request, never);
        const disk = await readFile(world.fileOf(0));
        await other.close();
        assert.equal(valueOf(found).clean, true);
        assert.equal(disk.subarray(7 * MIB, 7 * MIB + 7).toString(), "written");
      },
    );

    on(`isn't clean while what was written can't be flushed (${request.accessType})`, async (world) => {
      const device = await aDevice(world);
      const bin = world.pathOf("bin");
      await mkdir(bin, { recursive: true });
      await writeFile(join(bin, "sync"), "#!/bin/sh\necho no such sector >&2\nexit 1\n", { mode: 0o755 });
      process.env["PATH"] = `${bin}${delimiter}${process.env["PATH"] ?? ""}`;
      const found = valueOf(await world.host.isClean(request, never));
      assert.equal(found.clean, false);
      assert.match(found.reason, new RegExp(`^${device.path} is not flushed: .*no such sector`, "u"));
      const unmounted = valueOf(await world.host.isClean({ ...request, needsFlush: false }, never));
      assert.equal(unmounted.clean, true);
    });
  }

  for (const request of [mount, block])
    on(`is clean of a disk that the kernel no longer opens (${request.accessType})`, async (world) => {
      // A node and a folder in sysfs, as of a SCSI disk that is offline: its number is no device's.
      const number = "259:99999";
      const node = `/dev/${basename(dirname(world.deviceRoot))}-${request.accessType}`;
      const sysfs = join(world.pathOf("sys"), "dev/block", number);
      await mkdir(sysfs, { recursive: true });
      await writeFile(join(sysfs, "uevent"), `DEVNAME=${basename(node)}\n`);
      await writeFile(join(sysfs, "size"), "2048\n");
      const host = await createLinuxHost({
        sysRoot: world.pathOf("sys"),
        lockDirectory: world.pathOf("locks"),
        clock: systemClock,
      });
      await run("mknod", [node, "b", ...number.split(":")]);
      const found = await host.isClean({ ...request, lun: undefined, lastMajorMinor: number }, never);
      await rm(node);
      await host.close();
      assert.deepEqual(valueOf(found), { clean: true, reason: "the device is absent and nothing holds it" });
    });

  for (const isPartitioned of [false, true]) {
    on(
      isPartitioned
        ? "ignores the node's own disk, which may have the volume's number after a reboot"
        : "isn't clean while an unlinked disk with the volume's number is held open",
      async (world) => {
        await world.attachDisk({ lun: 0, sizeBytes: DISK_BYTES });
        const device = valueOf(await world.host.findDevice({ lun: 0 }, never));
        const holder = await open(device.path, constants.O_RDONLY | constants.O_EXCL);
        // Not every kernel reads partition tables: the test writes sysfs by hand.
        const sysRoot = world.pathOf("sys");
        const sysfs = join(sysRoot, "dev/block", device.majorMinor);
        await mkdir(join(sysfs, isPartitioned ? "sdc1" : "queue"), { recursive: true });
        if (isPartitioned) await writeFile(join(sysfs, "sdc1/partition"), "1\n");
        // One that is mounted, as that of the node's own disk is.
        if (isPartitioned) await writeFile(join(sysfs, "sdc1/dev"), `${await rootDevice()}\n`);
        await writeFile(join(sysfs, "uevent"), `DEVNAME=${basename(device.path)}\n`);
        const host = await createLinuxHost({
          sysRoot,
          lockDirectory: world.pathOf("locks"),
          clock: systemClock,
        });
        const found = await host.isClean(
          { ...mount, lun: undefined, lastMajorMinor: device.majorMinor },
          never,
        );
        await host.close();
        await holder.close();
        assert.equal(valueOf(found).clean, isPartitioned);
      },
    );
  }
});

describe("Linux host: file systems and mounts", () => {
  on("calls a file system broken if e2fsck can't repair it", async (world) => {
    const device = await aFormattedDevice(world);
    const file = await open(world.fileOf(0), "r+");
    await file.write(Buffer.alloc(4096), 0, 4096, 0);
    await file.sync();
    await file.close();
    const checked = await world.host.checkFileSystem({ device, fsType: "ext4" }, never);
    assert.equal(checked.ok ? "success" : checked.failure.kind, "FileSystemBroken");
  });

  on("says what e2fsck has repaired, and not what each crash leaves", async (world) => {
    const { host } = world;
    const device = await aFormattedDevice(world);
    const staging = await aStagedVolume(world, device);
    for (const name of ["kept", "deleted"]) await writeFile(`${staging}/${name}`, "text");
    const closeDeleted = await world.keepFileOpen(`${staging}/deleted`);
    await rm(`${staging}/deleted`);
    valueOf(await host.flush(staging, never));
    await world.attachCopy({ lun: 0, asLun: 1, sizeBytes: DISK_BYTES });
    await closeDeleted();
    valueOf(await host.unmount(staging, never));
    const copy = valueOf(await host.findDevice({ lun: 1 }, never));
    const check = { device: copy, fsType: "ext4" } as const;
    assert.equal(valueOf(await host.checkFileSystem(check, never)), undefined, "a deleted file was open");
    await run("debugfs", ["-w", "-R", "set_super_value state 0", copy.path]);
    assert.equal(valueOf(await host.checkFileSystem(check, never)), undefined, "the check was forced");
    for (const [damage, repair] of [
      ["set_inode_field kept links_count 5", /^\S+ Inode \d+ ref count is 5, should be 1\.\s+FIXED\.$/u],
      ["clri kept", /^\S+ Entry 'kept' in \/ \(2\) has deleted\/unused inode \d+\.\s+CLEARED\.$/u],
    ] as const) {
      for (const change of [damage, "set_super_value state 2"])
        await run("debugfs", ["-w", "-R", change, copy.path]);
      const repaired = valueOf(await host.checkFileSystem(check, never));
      assert.equal(repaired?.kind, "repaired");
      assert.match(repaired.detail, repair);
      assert.equal(valueOf(await host.checkFileSystem(check, never)), undefined);
    }
  });

  for (const features of [
    ["-t", "ext2"],
    ["-O", "orphan_file"],
  ] as const)
    on(`calls nothing repaired after a crash of mkfs.ext4 ${features.join(" ")}`, async (world) => {
      const { host } = world;
      await world.attachDisk({ lun: 0, sizeBytes: DISK_BYTES });
      const device = valueOf(await host.findDevice({ lun: 0 }, never));
      await run("mkfs.ext4", ["-q", ...features, device.path]);
      const staging = await aStagedVolume(world, device);
      await writeFile(`${staging}/deleted`, "text");
      const closeDeleted = await world.keepFileOpen(`${staging}/deleted`);
      await rm(`${staging}/deleted`);
      valueOf(await host.flush(staging, never));
      await world.attachCopy({ lun: 0, asLun: 1, sizeBytes: DISK_BYTES });
      await closeDeleted();
      valueOf(await host.unmount(staging, never));
      const copy = valueOf(await host.findDevice({ lun: 1 }, never));
      assert.equal(valueOf(await host.checkFileSystem({ device: copy, fsType: "ext4" }, never)), undefined);
      // The crash had something to correct: it is done.
      await run("e2fsck", ["-n", "-f", copy.path]);
    });

  on("counts no errors of a file system that is unmounted as they are read", async (world) => {
    const device = await aFormattedDevice(world);
    const sysRoot = await mkdtemp(join(tmpdir(), "sysfs-"));
    const [inBlock, inExt4] = [`dev/block/${device.majorMinor}`, `fs/ext4/${basename(device.path)}`];
    for (const folder of [inBlock, inExt4]) await mkdir(join(sysRoot, folder), { recursive: true });
    await writeFile(join(sysRoot, inBlock, "uevent"), `DEVNAME=${basename(device.path)}\n`);
    const count = join(sysRoot, inExt4, "errors_count");
    await writeFile(count, "2\n");
    assert.equal(await extErrorsFound(sysRoot, device.majorMinor), 2);
    // As sysfs refuses to open a file whose kernel object is going: a socket has no such device either.
    await rm(count);
    const server = createServer().listen(count);
    try {
      await once(server, "listening");
      assert.equal(await extErrorsFound(sysRoot, device.majorMinor), 0);
    } finally {
      server.close();
      await rm(sysRoot, { recursive: true });
    }
  });

  on("counts the errors that the kernel finds in an ext4 that stays mounted", async (world) => {
    const { host } = world;
    const device = await aFormattedDevice(world);
    const staging = await aStagedVolume(world, device);
    assert.equal(valueOf(await host.fileSystemStats(staging, never)).errorsFound, undefined);
    for (let times = 1; times <= 2; times += 1)
      await writeFile(`/sys/fs/ext4/${basename(device.path)}/trigger_fs_error`, "a test");
    const stats = valueOf(await host.fileSystemStats(staging, never));
    assert.deepEqual([stats.errorsFound, stats.totalBytes > 0n], [2, true]);
    valueOf(await host.unmount(staging, never));
    valueOf(await host.checkFileSystem({ device, fsType: "ext4" }, never));
    const again = await aStagedVolume(world, device);
    assert.equal(valueOf(await host.fileSystemStats(again, never)).errorsFound, undefined);
    valueOf(await host.unmount(again, never));
  });

  for (const [fsType, sizeBytes] of [
    ["ext4", DISK_BYTES],
    ["xfs", XFS_BYTES],
  ] as const)
    on(
      `mounts a write-protected ${fsType} read-only where that is asked for, else not at all`,
      async (world) => {
        await world.attachDisk({ lun: 0, sizeBytes });
        const smaller = valueOf(await world.host.findDevice({ lun: 0 }, never));
        valueOf(await world.host.format({ device: smaller, fsType, uuid: randomUUID() }, never));
        await world.growDisk({ lun: 0, sizeBytes: 2n * sizeBytes });
        const device = valueOf(await world.host.rescanDevice(smaller, never));
        await run("blockdev", ["--setro", device.path]);
        try {
          valueOf(await world.host.checkFileSystem({ device, fsType }, never));
          valueOf(await world.host.growBeforeMount({ device, fsType }, never));
          const path = world.pathOf("staging");
          const mount = (how: { readonly readOnly: boolean; readonly mountFlags: readonly string[] }) =>
            world.host.mountDevice({ device, path, fsType, ...how }, never);
          assert.deepEqual(await mount({ readOnly: false, mountFlags: ["noatime"] }), {
            ok: false,
            failure: { kind: "WriteProtected", devicePath: device.path },
          });
          assert.equal(valueOf(await world.host.mountAt(path, never)), undefined);
          for (const how of [
            { readOnly: true, mountFlags: [] },
            { readOnly: false, mountFlags: ["ro"] },
          ]) {
            valueOf(await mount(how));
            assert.equal(valueOf(await world.host.mountAt(path, never))?.readOnly, true);
            assert.deepEqual(await mount(how), { ok: true, value: undefined });
            valueOf(await world.host.unmount(path, never));
          }
        } finally {
          await run("blockdev", ["--setrw", device.path]);
        }
      },
    );

  for (const [fsType, sizeBytes, option] of [
    ["ext4", DISK_BYTES, "noload"],
    ["xfs", XFS_BYTES, "norecovery"],
    ["btrfs", XFS_BYTES, "rescue=nologreplay"],
  ] as const)
    on(`says how to read a write-protected ${fsType} whose journal was not replayed`, async (world) => {
      await world.attachDisk({ lun: 0, sizeBytes });
      const device = valueOf(await world.host.findDevice({ lun: 0 }, never));
      valueOf(await world.host.format({ device, fsType, uuid: randomUUID() }, never));
      const path = world.pathOf("staging");
      const mount = (readOnly: boolean, mountFlags: readonly string[] = []) =>
        world.host.mountDevice({ device, path, fsType, readOnly, mountFlags }, never);
      valueOf(await mount(false));
      await writeFile(`${path}/first`, "text");
      valueOf(await world.host.unmount(path, never));
      valueOf(await mount(false));
      await writeFile(`${path}/last`, "text");
      await run("sync", [`${path}/last`]);
      // As the disk is when the power fails now.
      const left = world.pathOf("left");
      await run("cp", ["--sparse=always", world.fileOf(0), left]);
      valueOf(await world.host.unmount(path, never));
      await run("dd", [`if=${left}`, `of=${world.fileOf(0)}`, "bs=1M", "conv=notrunc", "status=none"]);
      await run("blockdev", ["--flushbufs", device.path]);
      await run("blockdev", ["--setro", device.path]);
      try {
        valueOf(await world.host.checkFileSystem({ device, fsType }, never));
        for (const [readOnly, flags] of [
          [true, []],
          [false, ["ro"]],
        ] as const)
          assert.deepEqual(await mount(readOnly, flags), {
            ok: false,
            failure: { kind: "JournalNotReplayed", devicePath: device.path, fsType, option },
          });
        valueOf(await mount(true, [option]));
        assert.equal(await readFile(`${path}/first`, "utf8"), "text");
        valueOf(await world.host.unmount(path, never));
      } finally {
        await run("blockdev", ["--setrw", device.path]);
      }
      valueOf(await mount(true));
      assert.equal(await readFile(`${path}/last`, "utf8"), "text");
    });

  on("leaves files in a directory that were written while nothing was mounted there", async (world) => {
    const path = world.pathOf("staging");
    await mkdir(path);
    await writeFile(`${path}/stray`, "text");
    assert.deepEqual(await world.host.unmount(path, never), {
      ok: false,
      failure: { kind: "HostNotReady", detail: `${path} is not mounted, but holds files: move them away` },
    });
    assert.equal(await readFile(`${path}/stray`, "utf8"), "text");
  });

  on("names the process that keeps a mount busy", async (world) => {
    const staging = await aStagedVolume(world, await aFormattedDevice(world));
    await writeFile(`${staging}/file`, "text");
    const close = await world.keepFileOpen(`${staging}/file`);
    const busy = await world.host.unmount(staging, never);
    await close();
    assert.match(
      !busy.ok && busy.failure.kind === "DeviceBusy" ? busy.failure.detail : "",
      /in use by \d+ \(cat\)/,
    );
  });

  on("keeps a mount's own restrictions on a read-only bind of it", async (world) => {
    const staging = await aStagedVolume(world, await aFormattedDevice(world), ["noatime", "nosuid"]);
    const targetPath = world.pathOf("target");
    valueOf(
      await world.host.bindMount({ stagingPath: staging, targetPath, readOnly: true, mountFlags: [] }, never),
    );
    const { stdout } = await run("findmnt", ["--noheadings", "--output", "VFS-OPTIONS", targetPath]);
    assert.deepEqual(stdout.trim().split(",").toSorted(), ["noatime", "nosuid", "ro"]);
  });

  on("finds a mount below a directory that is a link", async (world) => {
    const device = await aFormattedDevice(world);
    await mkdir(world.pathOf("real"));
    await symlink(world.pathOf("real"), world.pathOf("linked"));
    const path = world.pathOf("linked/staging");
    valueOf(
      await world.host.mountDevice({ device, path, fsType: "ext4", mountFlags: [], readOnly: false }, never),
    );
    assert.equal(valueOf(await world.host.mountAt(path, never))?.path, world.pathOf("real/staging"));
    valueOf(await world.host.unmount(path, never));
  });
});

describe("Linux host: what a volume is mounted on", () => {
  on("is no link, which would lead the mount to where no unmount finds it", async (world) => {
    const { host } = world;
    const device = await aFormattedDevice(world);
    const staging = await aStagedVolume(world, device);
    const [folder, file] = [world.pathOf("folder"), world.pathOf("file")];
    await mkdir(folder);
    await writeFile(file, "");
    const [folderLink, fileLink] = [world.pathOf("to-folder"), world.pathOf("to-file")];
    await symlink(folder, folderLink);
    await symlink(file, fileLink);
    const onFolder = { targetPath: folderLink, readOnly: false };
    const results = [
      await host.bindMount({ ...onFolder, stagingPath: staging, mountFlags: [] }, never),
      await host.bindDevice({ device, targetPath: fileLink, readOnly: false }, never),
      await host.mountDevice(
        { device, path: folderLink, fsType: "ext4", mountFlags: [], readOnly: false },
        never,
      ),
    ];
    assert.deepEqual(
      results.map((result) => (result.ok ? "mounted" : result.failure.kind)),
      ["InvalidArgument", "InvalidArgument", "InvalidArgument"],
    );
    const mounts = valueOf(await host.mountsOf(device.majorMinor, never));
    assert.deepEqual(
      mounts.map(({ path }) => path),
      [staging],
    );
    valueOf(await host.unmount(staging, never));
  });

  on("is mounted, or the mount fails: also with nofail, of a device that has gone", async (world) => {
    const device = { ...(await aFormattedDevice(world)), path: "/dev/azuredisk-gone" };
    const path = world.pathOf("staging");
    const mount = { device, path, fsType: "ext4", mountFlags: ["nofail"], readOnly: false } as const;
    const mounted = await world.host.mountDevice(mount, never);
    assert.equal(mounted.ok ? "mounted" : mounted.failure.kind, "HostCommandFailed");
  });
});

describe("Linux host: finding devices", () => {
  on("accepts neither of two links of one LUN that lead to different devices", async (world) => {
    await world.attachDisk({ lun: 0, sizeBytes: DISK_BYTES });
    await world.attachDisk({ lun: 2, sizeBytes: DISK_BYTES });
    const { path } = valueOf(await world.host.findDevice({ lun: 2 }, never));
    await symlink(path, join(world.deviceRoot, "dev/disk/azure/data/by-lun/0"));
    const found = await world.host.findDevice({ lun: 0 }, never);
    assert.equal(found.ok ? "found" : found.failure.kind, "WrongDevice");
  });

  it("asks every SCSI host to rescan before it gives up, and reports where it looked", async (t) => {
    const directory = await mkdtemp(join(tmpdir(), "linux-host-"));
    t.after(() => rm(directory, { recursive: true }));
    const scans = ["host0", "host1"].map((name) => join(directory, "sys/class/scsi_host", name, "scan"));
    for (const scan of scans) {
      await mkdir(dirname(scan), { recursive: true });
      await writeFile(scan, "");
    }
    const host = await createLinuxHost({
      deviceRoot: directory,
      sysRoot: join(directory, "sys"),
      lockDirectory: join(directory, "locks"),
      clock: systemClock,
      deviceWaitMs: 1,
    });
    t.after(host.close);
    assert.deepEqual(await host.findDevice({ lun: 7 }, never), {
      ok: false,
      failure: {
        kind: "DeviceNotFound",
        lun: 7,
        searched: [
          join(directory, "dev/disk/azure/scsi1/lun7"),
          join(directory, "dev/disk/azure/data/by-lun/7"),
        ],
        seen: [],
        waitedMs: 1,
      },
    });
    assert.deepEqual(await Promise.all(scans.map((scan) => readFile(scan, "utf8"))), ["- - -\n", "- - -\n"]);
  });
});

describe("Linux host leaves a placeholder", () => {
  on("without a moment in which the directory below shows, with mount propagation", async (world) => {
    const { target, bare, staging } = await aSharedTarget(world);
    await writeFile(`${target}/file`, "text");
    const closeFile = await world.keepFileOpen(`${target}/file`);
    for (let times = 1; times <= 2; times += 1) {
      const busy = await world.host.mountPlaceholder(target, never);
      assert.equal(busy.ok ? "ok" : busy.failure.kind, "DeviceBusy");
      assert.deepEqual(
        await mountsAt(target),
        ["ext4", "azuredisk-removed"],
        "beneath what is busy, and only once",
      );
    }
    assert.equal(await readFile(`${target}/file`, "utf8"), "text");
    await closeFile();
    const seen = new Set<number>();
    const ended = new AbortController();
    const looking = (async () => {
      while (!ended.signal.aborted) seen.add((await lstat(target)).dev);
      seen.add((await lstat(target)).dev);
    })();
    let left = await world.host.mountPlaceholder(target, never);
    // A look at the very moment of an unmount keeps the mount busy. kubelet calls again, too.
    while (!left.ok && left.failure.kind === "DeviceBusy")
      left = await world.host.mountPlaceholder(target, never);
    ended.abort();
    await looking;
    valueOf(left);
    assert.deepEqual(await mountsAt(target), ["azuredisk-removed"]);
    assert.deepEqual([seen.has(bare), seen.size], [false, 2]);
    await assert.rejects(writeFile(`${target}/file`, "beside the disk"), /EROFS/);
    valueOf(await world.host.unmount(target, never));
    valueOf(await world.host.unmount(staging, never));
    assert.equal(valueOf(await world.host.pathKind(target, never)), "absent");
  });

  on("in every mount namespace that had the volume, such as kubelet's", async (world) => {
    const { target, kubelet } = await aSharedTarget(world);
    const pidFile = world.pathOf("pid");
    const leave = await world.keepRunning("unshare", [
      "--mount",
      "--propagation",
      "unchanged",
      "sh",
      "-c",
      'echo $$ >"$1"; echo up; exec cat',
      "sh",
      pidFile,
    ]);
    const pid = (await readFile(pidFile, "utf8")).trim();
    valueOf(await world.host.mountPlaceholder(target, never));
    assert.deepEqual(await mountsAt(target, pid), ["azuredisk-removed"]);
    valueOf(await world.host.unmount(target, never));
    assert.deepEqual([await mountsAt(target, pid), (await mountsAt(kubelet, pid)).length], [[], 1]);
    await leave();
  });

  on("even where nothing can be mounted beneath another mount", async (world) => {
    const { target } = await aSharedTarget(world);
    const bin = world.pathOf("bin");
    await mkdir(bin);
    await writeFile(join(bin, "unshare"), "#!/bin/sh\nexit 1\n", { mode: 0o755 });
    const searchPath = process.env["PATH"];
    process.env["PATH"] = `${bin}:${searchPath ?? ""}`;
    try {
      valueOf(await world.host.mountPlaceholder(target, never));
    } finally {
      process.env["PATH"] = searchPath;
    }
    assert.deepEqual(await mountsAt(target), ["azuredisk-removed"]);
  });

  on("in no place of a file, which kubelet only unmounts", async (world) => {
    const { staging, kubelet } = await aSharedTarget(world);
    const file = join(kubelet, "subpath");
    for (const path of [file, join(staging, "file")]) await writeFile(path, "");
    await run("mount", ["--bind", join(staging, "file"), file]);
    valueOf(await world.host.mountPlaceholder(file, never));
    assert.deepEqual(await mountsAt(file), []);
  });

  on("that stays read-only however a container's runtime mounts it", async (world) => {
    const { target } = await aSharedTarget(world);
    valueOf(await world.host.mountPlaceholder(target, never));
    const inContainer = world.pathOf("container");
    await mkdir(inContainer);
    await run("mount", ["--bind", target, inContainer]);
    await run("mount", ["-o", "remount,bind,rw", inContainer]);
    await assert.rejects(writeFile(`${inContainer}/file`, "beside the disk"), /EROFS/);
  });
});

describe("Linux host whose kubelet has bound a folder of a volume for a container", () => {
  on("tells it from the volume", async (world) => {
    const { staging, kubelet, target } = await aSharedTarget(world);
    const folder = join(kubelet, "volume-subpaths");
    for (const path of [folder, join(staging, "data")]) await mkdir(path);
    await run("mount", ["--bind", join(staging, "data"), folder]);
    const rootOf = async (path: string): Promise<string | undefined> =>
      valueOf(await world.host.mountAt(path, never))?.root;
    assert.deepEqual(await Promise.all([staging, target, folder].map(rootOf)), ["/", "/", "/data"]);
  });
});

/**
 * A volume published below a propagated mount, as kubelet's directory is, and the device of the directory
 * below its target.
 */
async function aSharedTarget(world: LinuxHostWorld): Promise<{
  readonly target: string;
  readonly staging: string;
  readonly kubelet: string;
  readonly bare: number;
}> {
  const kubelet = world.pathOf("kubelet");
  await mkdir(kubelet);
  await run("mount", ["--bind", kubelet, kubelet]);
  await run("mount", ["--make-shared", kubelet]);
  const staging = await aStagedVolume(world, await aFormattedDevice(world));
  const target = join(kubelet, "pods/1/mount");
  valueOf(
    await world.host.bindMount(
      { stagingPath: staging, targetPath: target, readOnly: false, mountFlags: [] },
      never,
    ),
  );
  return { target, staging, kubelet, bare: (await lstat(kubelet)).dev };
}

/** The mounts at a path, a volume first: an ext4 by its type, all others by their source. */
async function mountsAt(path: string, pid = "self"): Promise<readonly string[]> {
  const entries = parseMountinfo(await readFile(`/proc/${pid}/mountinfo`, "utf8")).filter(
    ({ mountPoint }) => mountPoint === path,
  );
  return entries
    .map(({ fsType, source }) => (fsType === "ext4" ? fsType : source))
    .toSorted((left, right) => right.localeCompare(left));
}

/** A volume that was unmounted here but remains in a container's mount namespace. */
async function aMountElsewhere(
  world: LinuxHostWorld,
): Promise<{ readonly device: Device; readonly leave: () => Promise<void> }> {
  const device = await aFormattedDevice(world);
  const staging = await aStagedVolume(world, device);
  const inContainer = world.pathOf("container");
  await mkdir(inContainer);
  const script = 'mount --bind "$1" "$2"; echo bound; exec cat';
  const leave = await world.keepRunning("unshare", [
    "--mount",
    "--propagation",
    "private",
    "sh",
    "-c",
    script,
    "sh",
    staging,
    inContainer,
  ]);
  valueOf(await world.host.unmount(staging, never));
  return { device, leave };
}

async function aDevice(world: LinuxHostWorld, sizeBytes = DISK_BYTES): Promise<Device> {
  await world.attachDisk({ lun: 0, sizeBytes });
  return valueOf(await world.host.findDevice({ lun: 0 }, never));
}

async function aFormattedDevice(world: LinuxHostWorld, fsType: "ext4" | "xfs" = "ext4"): Promise<Device> {
  const device = await aDevice(world, fsType === "xfs" ? XFS_BYTES : DISK_BYTES);
  valueOf(await world.host.format({ device, fsType, uuid: randomUUID() }, never));
  return device;
}

async function aStagedVolume(
  world: LinuxHostWorld,
  device: Device,
  mountFlags: readonly string[] = [],
  fsType: "ext4" | "xfs" = "ext4",
): Promise<string> {
  const path = world.pathOf(`staging-${device.majorMinor}`);
  valueOf(await world.host.mountDevice({ device, path, fsType, mountFlags, readOnly: false }, never));
  return path;
}

/** The number of a device that is mounted in this namespace. */
async function rootDevice(): Promise<string> {
  const entries = parseMountinfo(await readFile("/proc/self/mountinfo", "utf8"));
  return (
    entries.find(({ mountPoint }) => mountPoint === "/")?.majorMinor ?? assert.fail("no root is mounted")
  );
}
