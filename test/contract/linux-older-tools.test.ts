import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { describe } from "node:test";
import { promisify } from "node:util";
import { valueOf } from "../../src/core/testing/value-of.ts";
import type { Device } from "../../src/ports/host/host-provisioner.ts";
import { aDevice, never } from "./host/host-suite.ts";
import type { LinuxHostWorld } from "./worlds/linux-host-world.ts";
import { onLinuxHost } from "./worlds/on-linux-host.ts";

const run = promisify(execFile);

interface Made {
  readonly world: LinuxHostWorld;
  readonly device: Device;
}

/** A disk with a file system that mkfs(8) has made. */
function on(sentence: string, mkfs: string, test: (given: Made) => Promise<void>): void {
  onLinuxHost(sentence, {}, async (world) => {
    const device = await aDevice(world, 0);
    await run(mkfs, ["-q", "-F", device.path]);
    await test({ world, device });
  });
}

async function assertMounts({ world, device }: Made): Promise<void> {
  const path = world.pathOf("staging");
  const request = { device, path, fsType: "ext4", mountFlags: [], readOnly: false } as const;
  valueOf(await world.host.mountDevice(request, never));
  assert.equal(valueOf(await world.host.mountAt(path, never))?.fsType, "ext4");
  valueOf(await world.host.unmount(path, never));
}

describe("Linux host on an ext file system that is not the image's own", () => {
  on("mounts one with a feature that e2fsck does not know, and says so", "mkfs.ext4", async (given) => {
    const { world, device } = given;
    // A compatible feature of no kernel: each mounts it.
    await run("debugfs", ["-w", "-R", "feature FEATURE_C15", device.path]);
    const checked = valueOf(await world.host.checkFileSystem({ device, fsType: "ext4" }, never));
    assert.equal(checked?.kind, "unchecked");
    assert.match(checked.detail, /unsupported feature.*newer version of e2fsck/su);
    await assertMounts(given);
  });

  for (const fsType of ["ext3", "ext2"] as const)
    on(`mounts an ${fsType} as ext4`, `mkfs.${fsType}`, async (given) => {
      const { world, device } = given;
      const found = valueOf(await world.host.inspectFileSystem({ device, fsType: "ext4" }, never));
      assert.equal(found.kind === "fileSystem" ? found.fsType : found.kind, fsType);
      assert.equal(valueOf(await world.host.checkFileSystem({ device, fsType: "ext4" }, never)), undefined);
      await assertMounts(given);
    });
});
