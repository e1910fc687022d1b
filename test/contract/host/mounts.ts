import assert from "node:assert/strict";
import { describe } from "node:test";
import { describeFailure } from "../../../src/core/failure/describe-failure.ts";
import { valueOf } from "../../../src/core/testing/value-of.ts";
import {
  DISK_BYTES,
  aDevice,
  aFormattedDevice,
  aPublishedVolume,
  aStagedVolume,
  kindOf,
  never,
  uuid,
} from "./host-suite.ts";
import type { HostSuite } from "./host-suite.ts";

/** Mounts, binds and their ends. */
export function mountsContract({ on, onLinux, onWindows, name, usual }: HostSuite): void {
  describe(`${name}: mounts`, () => {
    on(
      "grows a mounted file system, or reports the kernel's refusal and leaves it unchanged",
      async (world) => {
        const { device, staging } = await aStagedVolume(world, usual);
        await world.growDisk({ lun: 0, sizeBytes: 2n * DISK_BYTES });
        const grown = valueOf(await world.host.rescanDevice(device, never));
        const result = await world.host.growFileSystem(
          { device: grown, mountPath: staging, fsType: usual },
          never,
        );
        assert.equal(kindOf(result), world.mayGrowMountedExt4 ? "success" : "GrowsUnmounted");
        assert.equal(
          valueOf(await world.host.fileSystemStats(staging, never)).totalBytes > DISK_BYTES,
          world.mayGrowMountedExt4,
        );
      },
    );

    on("grows a file system before the mount only if the kernel forbids it afterwards", async (world) => {
      const { device, staging } = await aStagedVolume(world, usual);
      valueOf(await world.host.unmount(staging, never));
      await world.growDisk({ lun: 0, sizeBytes: 2n * DISK_BYTES });
      const grown = valueOf(await world.host.rescanDevice(device, never));
      const request = {
        device: grown,
        path: staging,
        fsType: usual,
        mountFlags: [],
        readOnly: false,
      };
      valueOf(await world.host.checkFileSystem(request, never));
      valueOf(await world.host.growBeforeMount(request, never));
      valueOf(await world.host.mountDevice(request, never));
      assert.equal(
        valueOf(await world.host.fileSystemStats(staging, never)).totalBytes > DISK_BYTES,
        !world.mayGrowMountedExt4,
      );
      valueOf(await world.host.growFileSystem({ device: grown, mountPath: staging, fsType: usual }, never));
      assert.ok(valueOf(await world.host.fileSystemStats(staging, never)).totalBytes > DISK_BYTES);
    });

    on("lists what is mounted where", async (world) => {
      const { device, staging } = await aStagedVolume(world, usual);
      const expected = {
        path: staging,
        majorMinor: device.majorMinor,
        fsType: usual,
        root: "/",
        readOnly: false,
        isDead: false,
        isPlaceholder: false,
      };
      assert.deepEqual(valueOf(await world.host.mountAt(staging, never)), expected);
      assert.deepEqual(valueOf(await world.host.mountsOf(device.majorMinor, never)), [expected]);
      assert.equal(valueOf(await world.host.mountAt(world.pathOf("elsewhere"), never)), undefined);
      assert.equal(valueOf(await world.host.pathKind(staging, never)), "directory");
    });

    on("refuses mount flags that mount something else, before it creates anything", async (world) => {
      const device = await aFormattedDevice(world, 0, usual);
      const path = world.pathOf("staging");
      assert.equal(
        kindOf(
          await world.host.mountDevice(
            { device, path, fsType: usual, mountFlags: ["bind"], readOnly: false },
            never,
          ),
        ),
        "InvalidArgument",
      );
      assert.equal(valueOf(await world.host.pathKind(path, never)), "absent");
    });

    on("refuses to mount a second device over a first", async (world) => {
      const { staging } = await aStagedVolume(world, usual);
      const other = await aFormattedDevice(world, 1, usual);
      assert.equal(
        kindOf(
          await world.host.mountDevice(
            { device: other, path: staging, fsType: usual, mountFlags: [], readOnly: false },
            never,
          ),
        ),
        "MountedOtherwise",
      );
    });

    on("refuses to check or format what is mounted", async (world) => {
      const { device } = await aStagedVolume(world, usual);
      assert.equal(kindOf(await world.host.checkFileSystem({ device, fsType: usual }, never)), "DeviceBusy");
      assert.equal(
        kindOf(await world.host.format({ device, fsType: usual, uuid }, never)),
        "WrongFileSystem",
      );
    });

    onLinux("binds a mount to a target repeatedly, read-only if requested", async (world) => {
      const { device, staging } = await aStagedVolume(world, usual);
      const [target, readOnlyTarget] = [world.pathOf("pods/a"), world.pathOf("pods/b")];
      const bind = { stagingPath: staging, targetPath: target, readOnly: false, mountFlags: [] };
      for (const request of [
        bind,
        bind,
        { ...bind, targetPath: readOnlyTarget, readOnly: true },
        { ...bind, targetPath: readOnlyTarget, readOnly: true },
      ])
        valueOf(await world.host.bindMount(request, never));
      await world.writeFile(`${target}/file`, "text");
      assert.equal(await world.readFile(`${readOnlyTarget}/file`), "text");
      await assert.rejects(world.writeFile(`${readOnlyTarget}/file`, "other"), /EROFS/);
      const mounts = valueOf(await world.host.mountsOf(device.majorMinor, never));
      assert.deepEqual(
        mounts.map(({ path, readOnly }) => ({ path, readOnly })),
        [
          { path: staging, readOnly: false },
          { path: target, readOnly: false },
          { path: readOnlyTarget, readOnly: true },
        ],
      );
      for (const path of [target, readOnlyTarget, staging]) valueOf(await world.host.unmount(path, never));
      assert.deepEqual(valueOf(await world.host.mountsOf(device.majorMinor, never)), []);
    });

    onLinux("binds no read-only mount for writing, and leaves one that is bound", async (world) => {
      const { host } = world;
      const { device, staging } = await aStagedVolume(world, usual);
      valueOf(await host.unmount(staging, never));
      const flagged = { mountFlags: ["ro"], readOnly: false };
      valueOf(await host.mountDevice({ device, path: staging, fsType: usual, ...flagged }, never));
      const [first, second] = [world.pathOf("pods/a"), world.pathOf("pods/b")];
      const writing = { stagingPath: staging, readOnly: false, mountFlags: [] };
      assert.equal(kindOf(await host.bindMount({ ...writing, targetPath: first }, never)), "DeviceBusy");
      valueOf(await host.bindMount({ ...writing, ...flagged, targetPath: first }, never));
      valueOf(await host.bindMount({ ...writing, readOnly: true, targetPath: second }, never));
      valueOf(await host.bindMount({ ...writing, targetPath: first }, never));
      assert.deepEqual(
        valueOf(await host.mountsOf(device.majorMinor, never)).map(({ path, readOnly }) => [path, readOnly]),
        [staging, first, second].map((path) => [path, true]),
      );
      for (const path of [first, second, staging]) valueOf(await host.unmount(path, never));
    });

    on("refuses to bind from a path where nothing is mounted", async (world) => {
      const bind = {
        stagingPath: world.pathOf("staging"),
        targetPath: world.pathOf("target"),
        readOnly: false,
        mountFlags: [],
      };
      assert.equal(kindOf(await world.host.bindMount(bind, never)), "PathNotMounted");
      assert.equal(
        kindOf(await world.host.fileSystemStats(world.pathOf("staging"), never)),
        "PathNotMounted",
      );
      assert.equal(kindOf(await world.host.flush(world.pathOf("staging"), never)), "PathNotMounted");
    });

    onLinux("binds a raw device to a file, and removes it again", async (world) => {
      const device = await aDevice(world, 0);
      const targetPath = world.pathOf("volumeDevices/pvc-1");
      valueOf(await world.host.bindDevice({ device, targetPath, readOnly: false }, never));
      valueOf(await world.host.bindDevice({ device, targetPath, readOnly: false }, never));
      const second = { device: await aDevice(world, 1), targetPath, readOnly: false };
      const refused = await world.host.bindDevice(second, never);
      assert.match(
        refused.ok ? "" : describeFailure(refused.failure),
        /^\S+volumeDevices\/pvc-1 already holds a mount of \S+.*; nothing was mounted there: unmount it first$/u,
      );
      assert.equal(valueOf(await world.host.pathKind(targetPath, never)), "blockDevice");
      assert.equal(valueOf(await world.host.deviceSize(targetPath, never)), DISK_BYTES);
      const mounts = valueOf(await world.host.mountsOf(device.majorMinor, never));
      const expected = {
        path: targetPath,
        majorMinor: device.majorMinor,
        fsType: "devtmpfs",
        root: device.path,
        readOnly: false,
        isDead: false,
        isPlaceholder: false,
      };
      assert.deepEqual(mounts, [expected]);
      valueOf(await world.host.unmount(targetPath, never));
      assert.equal(valueOf(await world.host.pathKind(targetPath, never)), "absent");
    });

    onWindows("refuses raw block, and read-only targets and mount options by name", async (world) => {
      const { device, staging } = await aStagedVolume(world, usual);
      const targetPath = world.pathOf("pods/a");
      const bind = { stagingPath: staging, targetPath, readOnly: false, mountFlags: [] };
      assert.deepEqual(
        [
          await world.host.bindDevice({ device, targetPath, readOnly: false }, never),
          await world.host.bindMount({ ...bind, readOnly: true }, never),
          await world.host.bindMount({ ...bind, mountFlags: ["noatime"] }, never),
        ].map((result) => (result.ok ? "success" : describeFailure(result.failure))),
        [
          'volume_capability "block": a Windows node serves no raw block volume: use volumeMode Filesystem',
          `readonly "true": Windows can't mount a volume read-only: set readOnly on the container's mount`,
          'mount_flags "noatime": Windows has no mount options: leave mountOptions out',
        ],
      );
      assert.equal(valueOf(await world.host.pathKind(targetPath, never)), "absent");
    });

    onWindows("links a target to a mount repeatedly", async (world) => {
      const { device, staging, target, bind } = await aPublishedVolume(world, usual);
      valueOf(await world.host.bindMount(bind, never));
      await world.writeFile(`${target}/file`, "text");
      assert.equal(await world.readFile(`${staging}/file`), "text");
      const mounts = valueOf(await world.host.mountsOf(device.majorMinor, never));
      assert.deepEqual(
        mounts.map(({ path }) => path),
        [staging, target],
      );
      for (const path of [target, staging]) valueOf(await world.host.unmount(path, never));
      assert.deepEqual(valueOf(await world.host.mountsOf(device.majorMinor, never)), []);
    });

    on("succeeds in unmounting what is not mounted", async (world) => {
      valueOf(await world.host.unmount(world.pathOf("never/mounted"), never));
    });

    on("refuses to unmount what is in use until its last user has ended", async (world) => {
      const { staging } = await aStagedVolume(world, usual);
      await world.writeFile(`${staging}/file`, "text");
      const closeFile = await world.keepFileOpen(`${staging}/file`);
      assert.equal(kindOf(await world.host.unmount(staging, never)), "DeviceBusy");
      assert.notEqual(valueOf(await world.host.mountAt(staging, never)), undefined);
      await closeFile();
      valueOf(await world.host.unmount(staging, never));
    });

    on("shows the progress of writes", async (world) => {
      const { device, staging } = await aStagedVolume(world, usual);
      const before = valueOf(await world.host.writeProgress(device.majorMinor, never));
      await world.writeFile(`${staging}/file`, "text");
      valueOf(await world.host.flush(staging, never));
      assert.notEqual(valueOf(await world.host.writeProgress(device.majorMinor, never)), before);
    });
  });
}
