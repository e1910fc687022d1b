import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { describe } from "node:test";
import { valueOf } from "../../../src/core/testing/value-of.ts";
import { isKeptByKernel } from "../../../src/core/volume/device/file-system.ts";
import { DISK_BYTES, aDevice, aFormattedDevice, aStaleReplica, never, skipped } from "./host-suite.ts";
import type { HostSuite } from "./host-suite.ts";

/** What each file system of the platform keeps: formats, copies and replicas. */
export function fileSystemsContract({ on, onLinux, name, platform, fileSystems }: HostSuite): void {
  for (const fsType of fileSystems)
    describe(`${name}: ${fsType}`, () => {
      onLinux(
        "is visible on a replica that had read the blank disk, after its cache is dropped",
        async (world, context) => {
          if (skipped(context, world.whyNot(fsType))) return;
          const { replica, close } = await aStaleReplica(world, {
            change: async (device) => {
              valueOf(await world.host.format({ device, fsType, uuid: randomUUID() }, never));
            },
            isStale: async (device) =>
              valueOf(await world.host.inspectDevice(device, never)).kind !== "fileSystem",
          });
          valueOf(await world.host.dropCachedBlocks(replica, never));
          const content = valueOf(await world.host.inspectDevice(replica, never));
          assert.equal(content.kind === "fileSystem" ? content.fsType : content.kind, fsType);
          const path = world.pathOf("promoted");
          valueOf(
            await world.host.mountDevice(
              { device: replica, path, fsType, mountFlags: [], readOnly: false },
              never,
            ),
          );
          valueOf(await world.host.unmount(path, never));
          await close();
        },
      );

      on(
        "has the requested UUID, and leaves the format mark, whose erasure does no damage",
        async (world, context) => {
          if (skipped(context, world.whyNot(fsType))) return;
          const device = await aDevice(world, 0);
          const mark = { diskUri: "/disks/pvc-1", uuid: randomUUID() };
          valueOf(await world.host.writeFormatMark({ device, fsType, mark }, never));
          valueOf(await world.host.format({ device, fsType, uuid: mark.uuid }, never));
          assert.deepEqual(valueOf(await world.host.readFormatMark(device, never)), mark);
          assert.deepEqual(valueOf(await world.host.inspectDevice(device, never)), {
            kind: "fileSystem",
            fsType,
            uuid: mark.uuid,
          });
          valueOf(await world.host.eraseUnfinishedFormat({ device, fsType }, never));
          assert.deepEqual(
            valueOf(await world.host.readFormatMark(device, never)),
            mark,
            "the next attempt needs it, too",
          );
          valueOf(await world.host.format({ device, fsType, uuid: mark.uuid }, never));
          valueOf(await world.host.eraseFormatMark({ device, diskUri: mark.diskUri }, never));
          valueOf(await world.host.checkFileSystem({ device, fsType }, never));
        },
      );

      on("formats, checks, mounts, keeps a file, and grows", async (world, context) => {
        if (skipped(context, world.whyNot(fsType))) return;
        const device = await aFormattedDevice(world, 0, fsType);
        const content = valueOf(await world.host.inspectDevice(device, never));
        assert.deepEqual(
          content.kind === "fileSystem" && { fsType: content.fsType, hasUuid: content.uuid !== "" },
          { fsType, hasUuid: true },
        );
        valueOf(await world.host.checkFileSystem({ device, fsType }, never));
        const staging = world.pathOf("staging");
        const mount = { device, path: staging, fsType, mountFlags: [], readOnly: false };
        valueOf(await world.host.mountDevice(mount, never));
        valueOf(await world.host.mountDevice(mount, never));
        await world.writeFile(`${staging}/file`, "text");
        valueOf(await world.host.flush(staging, never));
        valueOf(await world.host.unmount(staging, never));
        assert.equal(valueOf(await world.host.pathKind(staging, never)), "absent");

        await world.growDisk({ lun: 0, sizeBytes: 2n * DISK_BYTES });
        const grown = valueOf(await world.host.rescanDevice(device, never));
        const growsMounted = isKeptByKernel(fsType) || platform === "windows";
        if (!growsMounted)
          valueOf(await world.host.growFileSystem({ device: grown, mountPath: staging, fsType }, never));
        valueOf(await world.host.mountDevice({ ...mount, device: grown }, never));
        if (growsMounted)
          valueOf(await world.host.growFileSystem({ device: grown, mountPath: staging, fsType }, never));
        const stats = valueOf(await world.host.fileSystemStats(staging, never));
        assert.ok(stats.totalBytes > DISK_BYTES, `${stats.totalBytes} bytes after growing`);
        assert.ok(stats.availableBytes > 0n && stats.usedBytes + stats.availableBytes <= stats.totalBytes);
        assert.equal(await world.readFile(`${staging}/file`), "text");
        valueOf(await world.host.unmount(staging, never));
      });

      onLinux(
        "has a larger copy mounted beside it, which grows and takes its own writes",
        async (world, context) => {
          if (skipped(context, world.whyNot(fsType))) return;
          const { host } = world;
          const device = await aFormattedDevice(world, 0, fsType);
          const [staging, copied] = [world.pathOf("staging"), world.pathOf("copied")];
          const mount = { device, path: staging, fsType, mountFlags: [], readOnly: false };
          valueOf(await host.mountDevice(mount, never));
          await world.writeFile(`${staging}/file`, "of the source");
          valueOf(await host.flush(staging, never));
          await world.attachCopy({ lun: 0, asLun: 1, sizeBytes: 2n * DISK_BYTES });
          const copy = valueOf(await host.findDevice({ lun: 1 }, never));
          const { kind } = valueOf(await host.inspectDevice(copy, never));
          assert.equal(kind, "fileSystem");
          valueOf(await host.checkFileSystem({ device: copy, fsType }, never));
          valueOf(await host.growBeforeMount({ device: copy, fsType }, never));
          valueOf(await host.mountDevice({ ...mount, device: copy, path: copied }, never));
          for (let time = 1; time <= 2; time++)
            valueOf(await host.growFileSystem({ device: copy, mountPath: copied, fsType }, never));
          assert.ok(valueOf(await host.fileSystemStats(copied, never)).totalBytes > DISK_BYTES);
          assert.equal(await world.readFile(`${copied}/file`), "of the source");
          await world.writeFile(`${copied}/file`, "of the copy");
          assert.equal(await world.readFile(`${staging}/file`), "of the source");
          for (const path of [copied, staging]) valueOf(await host.unmount(path, never));
        },
      );
    });
}
