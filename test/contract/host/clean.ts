import assert from "node:assert/strict";
import { describe } from "node:test";
import { valueOf } from "../../../src/core/testing/value-of.ts";
import { DISK_BYTES, aBlock, aDevice, aFormattedDevice, aMount, aStagedVolume, never } from "./host-suite.ts";
import type { HostSuite } from "./host-suite.ts";

/** Whether anything can still write to a device. */
export function cleanContract({ on, onLinux, name, usual }: HostSuite): void {
  describe(`${name}: clean`, () => {
    for (const accessType of ["mount", "block"] as const) {
      on(`is clean before the first use and after the last unmount only (${accessType})`, async (world) => {
        const device = await aFormattedDevice(world, 0, usual);
        const isClean = async (lastMajorMinor: string | undefined) =>
          valueOf(await world.host.isClean({ ...aMount({ lun: 0, lastMajorMinor }), accessType }, never))
            .clean;
        assert.equal(await isClean(undefined), true);
        const staging = world.pathOf("staging");
        valueOf(
          await world.host.mountDevice(
            { device, path: staging, fsType: usual, mountFlags: [], readOnly: false },
            never,
          ),
        );
        assert.equal(await isClean(device.majorMinor), false);
        assert.equal(await isClean(undefined), false);
        valueOf(await world.host.unmount(staging, never));
        assert.equal(await isClean(device.majorMinor), true);
      });

      on(`is not clean while a disk of unknown LUN is mounted (${accessType})`, async (world) => {
        const { device, staging } = await aStagedVolume(world, usual);
        const isClean = async () =>
          valueOf(
            await world.host.isClean(
              { ...aMount({ lun: undefined, lastMajorMinor: device.majorMinor }), accessType },
              never,
            ),
          ).clean;
        assert.equal(await isClean(), false);
        await world.detachDisk(0);
        assert.equal(await isClean(), false);
        valueOf(await world.host.unmount(staging, never));
        assert.equal(await isClean(), true);
      });
    }

    onLinux(
      "is not clean of raw block while a process has the device open without a mount",
      async (world) => {
        const device = await aDevice(world, 0);
        const closeDevice = await world.keepDeviceOpen(device);
        const open = valueOf(await world.host.isClean(aBlock({ lun: 0, lastMajorMinor: undefined }), never));
        assert.equal(open.clean, false);
        assert.match(open.reason, /open in process \d+/);
        await closeDevice();
        assert.equal(
          valueOf(await world.host.isClean(aBlock({ lun: 0, lastMajorMinor: undefined }), never)).clean,
          true,
        );
      },
    );

    onLinux("is not clean of raw block while a process has a detached device open", async (world) => {
      const device = await aDevice(world, 0);
      const closeDevice = await world.keepDeviceOpen(device);
      const isClean = async () =>
        valueOf(
          await world.host.isClean(aBlock({ lun: undefined, lastMajorMinor: device.majorMinor }), never),
        ).clean;
      assert.equal(await isClean(), false);
      await world.detachDisk(0);
      assert.equal(await isClean(), false);
      await closeDevice();
      assert.equal(await isClean(), true);
    });

    onLinux(
      "ignores descriptors on the device of a file system, which is written by mounts",
      async (world) => {
        const closeDevice = await world.keepDeviceOpen(await aDevice(world, 0));
        assert.equal(
          valueOf(await world.host.isClean(aMount({ lun: 0, lastMajorMinor: undefined }), never)).clean,
          true,
        );
        await closeDevice();
      },
    );

    for (const accessType of ["block", "mount"] as const)
      onLinux(`is not clean while a raw bind is left (${accessType})`, async (world) => {
        const device = await aDevice(world, 0);
        const targetPath = world.pathOf("block");
        const isClean = async (place: {
          readonly lun: number | undefined;
          readonly last: string | undefined;
        }) =>
          valueOf(
            await world.host.isClean(
              { ...aMount({ lun: place.lun, lastMajorMinor: place.last }), accessType },
              never,
            ),
          ).clean;
        valueOf(await world.host.bindDevice({ device, targetPath, readOnly: false }, never));
        for (const place of [
          { lun: 0, last: device.majorMinor },
          { lun: 0, last: undefined },
          { lun: undefined, last: device.majorMinor },
        ])
          assert.equal(await isClean(place), false, JSON.stringify(place));
        valueOf(await world.host.unmount(targetPath, never));
        assert.equal(await isClean({ lun: 0, last: device.majorMinor }), true);
      });

    // On Windows the number has the disk's unique id in it, which no other disk gets.
    onLinux("ignores a device number that another volume's LUN has now", async (world) => {
      const { device } = await aStagedVolume(world, usual);
      const gone = aMount({ lun: 1, lastMajorMinor: device.majorMinor });
      assert.equal(valueOf(await world.host.isClean({ ...gone, lunsOfOthers: [0] }, never)).clean, true);
      assert.equal(valueOf(await world.host.isClean(gone, never)).clean, false);
      assert.equal(
        valueOf(await world.host.isClean(aMount({ lun: 1, lastMajorMinor: undefined }), never)).clean,
        true,
      );
    });

    on("is not clean while an earlier instance of the plug-in is alive", async (world) => {
      await world.attachDisk({ lun: 0, sizeBytes: DISK_BYTES });
      const second = await world.startSecondPlugin();
      assert.equal(valueOf(await second.host.earlierChildrenAlive(never)), true);
      assert.equal(
        valueOf(await second.host.isClean(aBlock({ lun: 0, lastMajorMinor: undefined }), never)).clean,
        false,
      );
      assert.equal(valueOf(await world.host.earlierChildrenAlive(never)), false);
      await second.endFirst();
      assert.equal(valueOf(await second.host.earlierChildrenAlive(never)), false);
      assert.equal(
        valueOf(await second.host.isClean(aBlock({ lun: 0, lastMajorMinor: undefined }), never)).clean,
        true,
      );
    });
  });
}
