import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, readdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe } from "node:test";
import { promisify } from "node:util";
import { fail } from "../../src/core/failure/result.ts";
import { valueOf } from "../../src/core/testing/value-of.ts";
import type { FileSystemType } from "../../src/core/volume/device/file-system.ts";
import { aFormattedDevice, DISK_BYTES, never } from "./host/host-suite.ts";
import type { LinuxHostWorld } from "./worlds/linux-host-world.ts";
import { onLinuxHost } from "./worlds/on-linux-host.ts";

const run = promisify(execFile);

/** A staged volume in a kubelet's folder, whose mounts are ended however the test ends. */
async function withStaged(
  world: LinuxHostWorld,
  fsType: FileSystemType,
  test: (staged: Awaited<ReturnType<typeof aStaged>>) => Promise<void>,
): Promise<void> {
  const staged = await aStaged(world, fsType);
  try {
    await test(staged);
  } finally {
    if (await isMountPoint(staged.folder)) await run("umount", [staged.folder]);
    for (const path of [staged.targetPath, staged.path]) valueOf(await world.host.unmount(path, never));
  }
}

async function aStaged(world: LinuxHostWorld, fsType: FileSystemType) {
  const device = await aFormattedDevice(world, 0, fsType);
  const folder = world.pathOf("kubelet/plugins");
  const path = join(folder, "pvc-1/globalmount");
  const targetPath = world.pathOf("kubelet/pods/1/mount");
  const request = { device, path, fsType, mountFlags: [], readOnly: false };
  valueOf(await world.host.mountDevice(request, never));
  await world.writeFile(join(path, "file"), "of the volume");
  const bind = { stagingPath: path, targetPath, readOnly: false, mountFlags: [] };
  /** A person mounts another disk there, and the kubelet makes its folders again. */
  const cover = async (): Promise<void> => {
    // By its path: in a test the next one by the name alone stops.
    await run("/bin/mount", ["-t", "tmpfs", "another-disk", folder]);
    await mkdir(path, { recursive: true });
  };
  return { device, folder, path, targetPath, request, bind, cover };
}

/** Whether a disk is mounted at this path: a test that has failed may not have covered its folder. */
const isMountPoint = async (path: string): Promise<boolean> =>
  (await readFile("/proc/self/mountinfo", "utf8")).split("\n").some((line) => line.split(" ")[4] === path);

const filesIn = (path: string) => readdir(path).catch(() => []);

describe("Linux host whose kubelet's folder another disk covers", () => {
  onLinuxHost("takes no bare directory for a staged volume", { fsType: "ext4" }, (world) =>
    withStaged(world, "ext4", async ({ folder, path, targetPath, request, bind, cover }) => {
      const { host } = world;
      await cover();
      const detail =
        `the mount at ${path} is hidden by a later one at ${folder}: unmount that, or drain and restart ` +
        "the machine";
      const refused = fail({ kind: "HostNotReady", detail });
      assert.deepEqual(await host.bindMount(bind, never), refused);
      assert.deepEqual(await filesIn(dirname(targetPath)), [], "no pod gets a directory of the node's disk");
      assert.deepEqual(await host.mountAt(path, never), refused);
      assert.deepEqual(await host.mountDevice(request, never), refused);
      assert.deepEqual(await host.unmount(path, never), refused);
    }),
  );

  onLinuxHost("ends a bind that is covered as it begins", { fsType: "ext4" }, (world) =>
    withStaged(world, "ext4", async ({ targetPath, bind, cover }) => {
      const { stopped, proceed } = await world.stopNextMount();
      const binding = world.host.bindMount(bind, never);
      await stopped();
      await cover();
      await proceed();
      const bound = await binding;
      const shown = valueOf(await world.host.mountAt(targetPath, never));
      assert.deepEqual([bound.ok ? "ok" : bound.failure.kind, shown], ["HostNotReady", undefined]);
    }),
  );

  for (const fsType of ["xfs", "btrfs"] as const)
    onLinuxHost(`grows a ${fsType} by a mount that is not covered`, { fsType }, (world) =>
      withStaged(world, fsType, async ({ device, targetPath, bind, cover }) => {
        const { host } = world;
        valueOf(await host.bindMount(bind, never));
        await cover();
        await world.growDisk({ lun: 0, sizeBytes: 2n * DISK_BYTES });
        const grown = valueOf(await host.rescanDevice(device, never));
        valueOf(await host.growFileSystem({ device: grown, mountPath: targetPath, fsType }, never));
        const { totalBytes } = valueOf(await host.fileSystemStats(targetPath, never));
        assert.ok(totalBytes > (3n * DISK_BYTES) / 2n, `${totalBytes}`);
      }),
    );
});
