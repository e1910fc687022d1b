import assert from "node:assert/strict";
import { describe } from "node:test";
import { valueOf } from "../../../src/core/testing/value-of.ts";
import type { Device } from "../../../src/ports/host/host-provisioner.ts";
import {
  aBlock,
  aDevice,
  aFormattedDevice,
  aMount,
  aStagedVolume,
  kindOf,
  never,
  skipped,
} from "./host-suite.ts";
import type { HostSuite } from "./host-suite.ts";

/** A disk that another client has detached. */
export function detachedDiskContract({ on, onLinux, name, platform, usual }: HostSuite): void {
  describe(`${name}: a disk that is detached`, () => {
    for (const callerLeaves of [false, true])
      on(
        `never mounts another disk by a stopped mount command${callerLeaves ? " of a cancelled call" : ""}`,
        async (world) => {
          const device = await aFormattedDevice(world, 0, usual);
          await aFormattedDevice(world, 1, usual);
          const path = world.pathOf("staging");
          const mountHeld = (held: Device, signal: AbortSignal) =>
            world.host.whileHolding(
              held,
              () =>
                world.host.mountDevice(
                  { device: held, path, fsType: usual, mountFlags: [], readOnly: false },
                  signal,
                ),
              never,
            );
          const command = await world.stopNextMount();
          const caller = new AbortController();
          const mounting = mountHeld(device, caller.signal);
          await command.stopped();
          if (callerLeaves) {
            caller.abort();
            assert.equal(kindOf(await mounting), "Cancelled");
          }
          await world.detachDisk(0);
          await world.moveDisk({ fromLun: 1, toLun: 0 });
          await command.proceed();
          assert.notEqual(kindOf(await mounting), "success");
          assert.equal(valueOf(await world.host.mountAt(path, never)), undefined);
          const there = valueOf(await world.host.findDevice({ lun: 0 }, never));
          assert.notEqual(there.majorMinor, device.majorMinor);
          valueOf(await mountHeld(there, never));
          assert.equal(valueOf(await world.host.mountAt(path, never))?.majorMinor, there.majorMinor);
        },
      );

    onLinux("gives its number to no other disk while a bind of it is stopped", async (world) => {
      const device = await aDevice(world, 0);
      await aDevice(world, 1);
      const targetPath = world.pathOf("raw");
      const command = await world.stopNextMount();
      const caller = new AbortController();
      const binding = world.host.whileHolding(
        device,
        () => world.host.bindDevice({ device, targetPath, readOnly: false }, caller.signal),
        never,
      );
      await command.stopped();
      // With its caller this process closes the device: the command has it open.
      caller.abort();
      assert.equal(kindOf(await binding), "Cancelled");
      await world.detachDisk(0);
      await world.moveDisk({ fromLun: 1, toLun: 0 });
      const there = valueOf(await world.host.findDevice({ lun: 0 }, never));
      assert.notEqual(there.majorMinor, device.majorMinor);
      await command.proceed();
      assert.deepEqual(valueOf(await world.host.mountsOf(there.majorMinor, never)), []);
    });

    on("never holds another disk open in its place", async (world) => {
      const device = await aDevice(world, 0);
      const other = await aDevice(world, 1);
      let ran = 0;
      const hold = (held: Device) =>
        world.host.whileHolding(
          held,
          async () => {
            ran += 1;
            return world.host.findDevice({ lun: 0 }, never);
          },
          never,
        );
      assert.deepEqual(valueOf(await hold(device)), device);
      assert.equal(kindOf(await hold({ ...device, path: "/dev/no-such-device" })), "WrongDevice");
      assert.equal(kindOf(await hold({ ...device, path: other.path })), "WrongDevice");
      assert.equal(ran, 1);
    });

    on("is clean while this process holds it", async (world) => {
      const device = await aDevice(world, 0);
      const isClean = valueOf(
        await world.host.whileHolding(
          device,
          () => world.host.isClean(aBlock({ lun: 0, lastMajorMinor: device.majorMinor }), never),
          never,
        ),
      );
      assert.equal(isClean.clean, true);
    });

    for (const fsType of platform === "linux" ? (["ext4", "xfs", "btrfs"] as const) : (["ntfs"] as const))
      on(`leaves a dead ${fsType} that fails to flush and can only be unmounted`, async (world, context) => {
        if (skipped(context, world.whyNot(fsType))) return;
        const { device, staging } = await aStagedVolume(world, fsType);
        const target = world.pathOf("target");
        const bind = { stagingPath: staging, targetPath: target, readOnly: false, mountFlags: [] };
        valueOf(await world.host.bindMount(bind, never));
        await world.writeFile(`${staging}/file`, "never synced");
        await world.detachDisk(0);
        assert.equal(valueOf(await world.host.mountAt(staging, never))?.isDead, true);
        const flushed = kindOf(await world.host.flush(staging, never));
        const kinds = ["HostCommandFailed", "FileSystemBroken", "WritesLost"];
        assert.ok(kinds.includes(flushed ?? ""), flushed);
        assert.deepEqual(
          valueOf(await world.host.mountsOf(device.majorMinor, never)).map(({ path, isDead }) => ({
            path,
            isDead,
          })),
          [
            { path: staging, isDead: true },
            { path: target, isDead: true },
          ],
        );
        assert.equal(
          kindOf(await world.host.bindMount({ ...bind, targetPath: world.pathOf("other") }, never)),
          "FileSystemBroken",
        );
        assert.equal(
          valueOf(await world.host.isClean(aMount({ lun: 0, lastMajorMinor: device.majorMinor }), never))
            .clean,
          false,
        );
        valueOf(await world.host.unmount(target, never));
        valueOf(await world.host.unmount(staging, never));
        assert.equal(valueOf(await world.host.pathKind(staging, never)), "absent");
        assert.deepEqual(
          valueOf(await world.host.isClean(aMount({ lun: 0, lastMajorMinor: device.majorMinor }), never)),
          {
            clean: true,
            reason: "the device is absent and nothing holds it",
          },
        );
      });

    onLinux("leaves a dead raw bind", async (world) => {
      const device = await aDevice(world, 0);
      const targetPath = world.pathOf("block");
      valueOf(await world.host.bindDevice({ device, targetPath, readOnly: false }, never));
      await world.detachDisk(0);
      assert.equal(valueOf(await world.host.mountAt(targetPath, never))?.isDead, true);
      valueOf(await world.host.unmount(targetPath, never));
    });
  });
}
