import assert from "node:assert/strict";
import { describe } from "node:test";
import { valueOf } from "../../../src/core/testing/value-of.ts";
import { aMount, aPublishedVolume, kindOf, never } from "./host-suite.ts";
import type { HostSuite, HostWorld } from "./host-suite.ts";

/** The empty folder that a pod finds in place of a lost volume. */
export function placeholderContract({ on, onLinux, name, platform, usual }: HostSuite): void {
  describe(`${name}: a placeholder`, () => {
    const isAt = async (world: HostWorld, path: string) =>
      valueOf(await world.host.mountAt(path, never))?.isPlaceholder;

    on("replaces a dead target by an empty, read-only directory without the device", async (world) => {
      const { device, staging, target } = await aPublishedVolume(world, usual);
      await world.writeFile(`${target}/file`, "never synced");
      await world.detachDisk(0);
      valueOf(await world.host.mountPlaceholder(target, never));
      const { readOnly, isDead, isPlaceholder } = valueOf(await world.host.mountAt(target, never)) ?? {};
      assert.deepEqual(
        { readOnly, isDead, isPlaceholder },
        { readOnly: true, isDead: false, isPlaceholder: true },
      );
      assert.equal(valueOf(await world.host.pathKind(target, never)), "directory");
      await assert.rejects(
        world.writeFile(`${target}/file`, "beside the disk"),
        platform === "linux" ? /EROFS/ : /ENOENT/,
      );
      await assert.rejects(world.readFile(`${target}/file`), /ENOENT/);
      assert.equal(kindOf(await world.host.fileSystemStats(target, never)), "PathNotMounted");
      valueOf(await world.host.unmount(staging, never));
      assert.deepEqual(valueOf(await world.host.mountsOf(device.majorMinor, never)), []);
      assert.equal(
        valueOf(
          await world.host.isClean(aMount({ lun: undefined, lastMajorMinor: device.majorMinor }), never),
        ).clean,
        true,
      );
    });

    on("is created once; an unmount removes it with its directory", async (world) => {
      const { target } = await aPublishedVolume(world, usual);
      for (let times = 1; times <= 3; times += 1) valueOf(await world.host.mountPlaceholder(target, never));
      valueOf(await world.host.unmount(target, never));
      assert.equal(valueOf(await world.host.mountAt(target, never)), undefined);
      assert.equal(valueOf(await world.host.pathKind(target, never)), "absent");
    });

    on("is covered by a later bind, shows after its unmount, and is removed with it", async (world) => {
      const { device, target, bind } = await aPublishedVolume(world, usual);
      valueOf(await world.host.mountPlaceholder(target, never));
      for (let times = 1; times <= 2; times += 1) valueOf(await world.host.bindMount(bind, never));
      assert.equal(valueOf(await world.host.mountAt(target, never))?.majorMinor, device.majorMinor);
      await world.writeFile(`${target}/file`, "on the disk");
      valueOf(await world.host.mountPlaceholder(target, never));
      assert.equal(await isAt(world, target), true);
      valueOf(await world.host.bindMount(bind, never));
      assert.equal(await world.readFile(`${target}/file`), "on the disk");
      valueOf(await world.host.unmount(target, never));
      assert.equal(valueOf(await world.host.pathKind(target, never)), "absent");
    });

    onLinux("is not created while the target is in use", async (world) => {
      const { target } = await aPublishedVolume(world, usual);
      await world.writeFile(`${target}/file`, "text");
      const closeFile = await world.keepFileOpen(`${target}/file`);
      for (let times = 1; times <= 2; times += 1) {
        assert.equal(kindOf(await world.host.mountPlaceholder(target, never)), "DeviceBusy");
        assert.equal(await isAt(world, target), false);
      }
      await closeFile();
      valueOf(await world.host.mountPlaceholder(target, never));
      assert.equal(await isAt(world, target), true);
      valueOf(await world.host.unmount(target, never));
      assert.equal(valueOf(await world.host.pathKind(target, never)), "absent");
    });

    on("is created in a bare directory, and creates none", async (world) => {
      const [bare, absent] = [world.pathOf("bare"), world.pathOf("absent")];
      await world.makeDirectory(bare);
      for (const path of [bare, absent]) valueOf(await world.host.mountPlaceholder(path, never));
      assert.deepEqual([await isAt(world, bare), await isAt(world, absent)], [true, undefined]);
      assert.equal(valueOf(await world.host.pathKind(absent, never)), "absent");
    });
  });
}
