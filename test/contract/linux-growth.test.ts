import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { basename } from "node:path";
import { describe } from "node:test";
import { WHILE_READ_ONLY, WITH_ERRORS } from "../../src/core/node/file-system/why-not-grown.ts";
import { valueOf } from "../../src/core/testing/value-of.ts";
import type { FileSystemType } from "../../src/core/volume/device/file-system.ts";
import type { Device } from "../../src/ports/host/host-provisioner.ts";
import { aFormattedDevice, DISK_BYTES, never } from "./host/host-suite.ts";
import type { LinuxHostWorld } from "./worlds/linux-host-world.ts";
import { onLinuxHost } from "./worlds/on-linux-host.ts";

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
});
