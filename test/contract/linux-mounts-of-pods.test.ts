import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { describe } from "node:test";
import { promisify } from "node:util";
import { valueOf } from "../../src/core/testing/value-of.ts";
import { aPublishedVolume, never } from "./host/host-suite.ts";
import { onLinuxHost } from "./worlds/on-linux-host.ts";

const run = promisify(execFile);

/** A pod with `mountPropagation: Bidirectional` mounts, and may end without an unmount. */
const mountOfPod = (path: string) => run("mount", ["-t", "tmpfs", "of-a-pod", path]);

describe("Linux host beside mounts that a pod has made in its volume", () => {
  onLinuxHost("names those that keep a target from being unmounted", { fsType: "ext4" }, async (world) => {
    const { host } = world;
    const { target } = await aPublishedVolume(world, "ext4");
    const below = join(target, "below");
    await world.makeDirectory(below);
    await mountOfPod(below);
    const busy = await host.unmount(target, never);
    await run("umount", [below]);
    assert.ok(!busy.ok && busy.failure.kind === "DeviceBusy");
    assert.equal(busy.failure.detail, `${target} has mounts below it: unmount ${below} first`);
    valueOf(await host.unmount(target, never));
  });

  onLinuxHost("takes no volume for dead that one hides", { fsType: "ext4" }, async (world) => {
    const { host } = world;
    const { device, staging, target } = await aPublishedVolume(world, "ext4");
    await mountOfPod(target);
    const mounts = valueOf(await host.mountsOf(device.majorMinor, never));
    await run("umount", [target]);
    assert.deepEqual(
      mounts.map(({ path, isDead }) => ({ path, isDead })),
      [staging, target].map((path) => ({ path, isDead: false })),
    );
  });
});
