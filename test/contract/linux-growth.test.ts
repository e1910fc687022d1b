import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { basename } from "node:path";
import { describe } from "node:test";
import { promisify } from "node:util";
import {
  BEYOND_32_BITS,
  WHILE_READ_ONLY,
  WITH_ERRORS,
} from "../../src/core/node/file-system/why-not-grown.ts";
import { valueOf } from "../../src/core/testing/value-of.ts";
import type { FileSystemType } from "../../src/core/volume/device/file-system.ts";
import type { Device } from "../../src/ports/host/host-provisioner.ts";
import { aDevice, aFormattedDevice, DISK_BYTES, never } from "./host/host-suite.ts";
import type { LinuxHostWorld } from "./worlds/linux-host-world.ts";
import { onLinuxHost } from "./worlds/on-linux-host.ts";

const run = promisify(execFile);

interface Mounted {
  readonly world: LinuxHostWorld;
  readonly device: Device;
  readonly request: {
    readonly device: Device;
    readonly path: string;
    readonly fsType: FileSystemType;
    readonly mountFlags: readonly string[];
    readonly readOnly: boolean;
  };
}

/** A file system that is mounted with these flags. */
function on(
  sentence: string,
  { fsType, mountFlags }: { readonly fsType: FileSystemType; readonly mountFlags: readonly string[] },
  test: (given: Mounted) => Promise<void>,
): void {
  onLinuxHost(`${sentence}: ${fsType}`, { fsType }, async (world) => {
    const device = await aFormattedDevice(world, 0, fsType);
    const path = world.pathOf("staging");
    const request = { device, path, fsType, mountFlags, readOnly: false };
    valueOf(await world.host.mountDevice(request, never));
    await test({ world, device, request });
  });
}

const grow = ({ world, request }: Mounted, device: Device) =>
  world.host.growFileSystem({ device, mountPath: request.path, fsType: request.fsType }, never);

/** More than an ext3 with the smallest blocks takes: its block numbers have 32 bits. */
const FIVE_TIB = 5n * 1024n ** 4n;

describe("Linux host that is to grow a file system", () => {
  for (const fsType of ["ext4", "xfs", "btrfs"] as const) {
    on("leaves a read-only mount as it is", { fsType, mountFlags: ["ro"] }, async (given) => {
      const { world, device } = given;
      // btrfs refuses that, too.
      if (fsType !== "btrfs") valueOf(await grow(given, device));
      await world.growDisk({ lun: 0, sizeBytes: 2n * DISK_BYTES });
      const grown = valueOf(await world.host.rescanDevice(device, never));
      assert.deepEqual(await grow(given, grown), {
        ok: false,
        failure: { kind: "GrowsUnmounted", devicePath: device.path, reason: WHILE_READ_ONLY },
      });
    });
  }

  on(
    "says what the check before a growth has repaired",
    { fsType: "ext4", mountFlags: [] },
    async ({ world, device, request }) => {
      const { host } = world;
      await writeFile(`${request.path}/file`, "text");
      valueOf(await host.unmount(request.path, never));
      await world.growDisk({ lun: 0, sizeBytes: 2n * DISK_BYTES });
      const grown = valueOf(await host.rescanDevice(device, never));
      await run("debugfs", ["-w", "-R", "set_inode_field file links_count 5", device.path]);
      const check = { device: grown, fsType: "ext4" } as const;
      assert.equal(valueOf(await host.checkFileSystem(check, never)), undefined, "it looks clean");
      const found = valueOf(await host.growBeforeMount(check, never));
      // A host that grows a mounted one checks no clean one.
      assert.equal(found?.kind, world.mayGrowMountedExt4 ? undefined : "repaired");
      const { stdout } = await run("debugfs", ["-R", "stat file", device.path]);
      assert.match(stdout, world.mayGrowMountedExt4 ? /Links: 5/u : /Links: 1/u);
    },
  );

  on(
    "asks for a check where the kernel has found errors",
    { fsType: "ext4", mountFlags: [] },
    async (given) => {
      const { world, device, request } = given;
      await world.growDisk({ lun: 0, sizeBytes: 2n * DISK_BYTES });
      const grown = valueOf(await world.host.rescanDevice(device, never));
      await writeFile(`/sys/fs/ext4/${basename(device.path)}/trigger_fs_error`, "for a test");
      assert.deepEqual(await grow(given, grown), {
        ok: false,
        failure: { kind: "GrowsUnmounted", devicePath: device.path, reason: WITH_ERRORS },
      });
      valueOf(await world.host.unmount(request.path, never));
      const onGrown = { ...request, device: grown };
      valueOf(await world.host.checkFileSystem(onGrown, never));
      valueOf(await world.host.growBeforeMount(onGrown, never));
      valueOf(await world.host.mountDevice(onGrown, never));
      valueOf(await grow(given, grown));
      assert.ok(valueOf(await world.host.fileSystemStats(request.path, never)).totalBytes > DISK_BYTES);
    },
  );

  onLinuxHost("mounts an ext3 that can't be as large as its disk", { fsType: "ext3" }, async (world) => {
    const { host } = world;
    const fsType = "ext3";
    const device = await aDevice(world, 0);
    valueOf(await host.format({ device, fsType, uuid: randomUUID(), geometry: { blockSize: 1024 } }, never));
    await world.growDisk({ lun: 0, sizeBytes: FIVE_TIB });
    const grown = valueOf(await host.rescanDevice(device, never));
    assert.equal(valueOf(await host.growBeforeMount({ device: grown, fsType }, never)), undefined);
    const path = world.pathOf("staging");
    const request = { device: grown, path, fsType, mountFlags: [], readOnly: false } as const;
    valueOf(await host.mountDevice(request, never));
    const failure = { kind: "GrowsUnmounted", devicePath: device.path, reason: BEYOND_32_BITS };
    const grow = () => host.growFileSystem({ device: grown, mountPath: path, fsType }, never);
    assert.deepEqual(await grow(), { ok: false, failure });
    valueOf(await host.unmount(path, never));
  });
});
