import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { describe } from "node:test";
import type { Result } from "../../../src/core/failure/result.ts";
import { valueOf } from "../../../src/core/testing/value-of.ts";
import type { DeviceSettingName } from "../../../src/core/volume/device/device-settings.ts";
import {
  DISK_BYTES,
  aDevice,
  aFormattedDevice,
  aReplicaNode,
  aStagedVolume,
  aStaleReplica,
  kindOf,
  never,
  uuid,
} from "./host-suite.ts";
import type { HostSuite } from "./host-suite.ts";

/** Devices: found, inspected, tuned and held. */
export function devicesContract({ on, onLinux, onWindows, name, platform, usual }: HostSuite): void {
  describe(`${name}: devices`, () => {
    on("finds a device by its LUN, with its size", async (world) => {
      await world.attachDisk({ lun: 3, sizeBytes: DISK_BYTES });
      const device = valueOf(await world.host.findDevice({ lun: 3 }, never));
      assert.equal(device.sizeBytes, DISK_BYTES);
      assert.match(device.path, platform === "linux" ? /^\/dev\// : /PhysicalDrive\d+$/);
      assert.match(device.majorMinor, /^\d+:\w+$/);
      assert.equal(valueOf(await world.host.deviceSize(device.path, never)), DISK_BYTES);
      assert.equal(valueOf(await world.host.pathKind(device.path, never)), "blockDevice");
    });

    on("doesn't find a LUN without a disk", async (world) => {
      assert.equal(kindOf(await world.host.findDevice({ lun: 4 }, never)), "DeviceNotFound");
    });

    on("does nothing for a cancelled call", async (world) => {
      assert.equal(kindOf(await world.host.findDevice({ lun: 4 }, AbortSignal.abort())), "Cancelled");
    });

    on("sees the new size of a disk that has grown", async (world) => {
      const device = await aDevice(world, 0);
      await world.growDisk({ lun: 0, sizeBytes: 2n * DISK_BYTES });
      assert.deepEqual(valueOf(await world.host.rescanDevice(device, never)), {
        ...device,
        sizeBytes: 2n * DISK_BYTES,
      });
    });

    on("detects data of an application on a disk, and calls a new disk blank", async (world) => {
      const device = await aDevice(world, 0);
      assert.deepEqual(valueOf(await world.host.inspectDevice(device, never)), { kind: "blank" });
      await world.scribble(0);
      assert.equal(valueOf(await world.host.inspectDevice(device, never)).kind, "otherData");
    });

    onLinux("changes a setting of a device, again and back, and rejects an impossible one", async (world) => {
      const device = await aDevice(world, 0);
      const settings = async (): Promise<Readonly<Record<string, string>>> =>
        valueOf(await world.host.readDeviceSettings(device, never));
      const write = (name: DeviceSettingName, value: string): Promise<Result<void>> =>
        world.host.writeDeviceSetting({ device, setting: { name, value } }, never);
      const before = await settings();
      assert.match(before["queue/scheduler"] ?? "", /^[a-z-]+$/u);
      for (const _ of ["first", "again"]) {
        valueOf(await write("queue/scheduler", "mq-deadline"));
        valueOf(await write("queue/read_ahead_kb", "64"));
      }
      assert.equal((await settings())["queue/iosched/fifo_batch"], "16");
      valueOf(await write("queue/iosched/fifo_batch", "1"));
      assert.equal((await settings())["queue/iosched/fifo_batch"], "1");
      assert.equal(kindOf(await write("queue/nr_requests", "10240")), "DeviceSettingRefused");
      const changed = { "queue/scheduler": "mq-deadline", "queue/read_ahead_kb": "64" };
      assert.deepEqual(pick(await settings(), changed), changed);
      for (const name of Object.keys(changed) as readonly DeviceSettingName[])
        valueOf(await write(name, before[name] ?? ""));
      assert.deepEqual(pick(await settings(), changed), pick(before, changed));
      valueOf(await write("queue/scheduler", "none"));
      assert.equal(kindOf(await write("queue/iosched/fifo_batch", "1")), "DeviceSettingRefused");
      assert.equal((await settings())["queue/iosched/fifo_batch"], undefined);
    });

    onLinux("changes no setting of another disk that has the name by now", async (world) => {
      const device = await aDevice(world, 0);
      const other = { ...device, majorMinor: "259:9999" };
      const setting = { name: "queue/rotational", value: "1" } as const;
      assert.equal(
        kindOf(await world.host.writeDeviceSetting({ device: other, setting }, never)),
        "WrongDevice",
      );
    });

    onWindows("has no settings of a device, and refuses to change one", async (world) => {
      const device = await aDevice(world, 0);
      const setting = { name: "queue/rotational", value: "1" } as const;
      assert.deepEqual(valueOf(await world.host.readDeviceSettings(device, never)), {});
      assert.equal(
        kindOf(await world.host.writeDeviceSetting({ device, setting }, never)),
        "DeviceSettingRefused",
      );
    });

    onLinux("returns a raw disk's old blocks until they are dropped", async (world) => {
      const { replica, replicaLun, close } = await aStaleReplica(world, {
        before: (lun) => world.writeRaw(lun, "old"),
        change: (_writer, lun) => world.writeRaw(lun, "new"),
        isStale: async (_replica, lun) => (await world.readRaw(lun)) === "old",
      });
      valueOf(await world.host.dropCachedBlocks(replica, never));
      assert.equal(await world.readRaw(replicaLun), "new");
      await close();
    });

    on("refuses to format a disk that isn't blank, and leaves it as it is", async (world) => {
      const device = await aDevice(world, 0);
      await world.scribble(0);
      assert.equal(
        kindOf(await world.host.format({ device, fsType: usual, uuid }, never)),
        "WrongFileSystem",
      );
      assert.equal(valueOf(await world.host.inspectDevice(device, never)).kind, "otherData");
    });

    on("makes the rest of an unfinished format blank, so that it can be formatted again", async (world) => {
      const device = await aDevice(world, 0);
      await world.scribble(0);
      valueOf(await world.host.eraseUnfinishedFormat({ device, fsType: usual }, never));
      assert.deepEqual(valueOf(await world.host.inspectDevice(device, never)), { kind: "blank" });
      valueOf(await world.host.format({ device, fsType: usual, uuid }, never));
    });

    on("marks a blank device before its first format, and erases only the mark", async (world) => {
      const device = await aDevice(world, 0);
      const mark = {
        diskUri: "/subscriptions/s/resourcegroups/rg/providers/microsoft.compute/disks/pvc-1",
        uuid,
      };
      assert.equal(valueOf(await world.host.readFormatMark(device, never)), undefined);
      valueOf(await world.host.eraseFormatMark({ device, diskUri: mark.diskUri }, never));
      valueOf(await world.host.writeFormatMark({ device, fsType: usual, mark }, never));
      assert.deepEqual(valueOf(await world.host.readFormatMark(device, never)), mark);
      assert.deepEqual(valueOf(await world.host.inspectDevice(device, never)), { kind: "blank" });
      valueOf(
        await world.host.writeFormatMark(
          { device, fsType: usual, mark: { ...mark, uuid: otherUuid } },
          never,
        ),
      );
      assert.deepEqual(valueOf(await world.host.readFormatMark(device, never)), {
        ...mark,
        uuid: otherUuid,
      });
      const other = mark.diskUri.replace("pvc-1", "pvc-2");
      valueOf(await world.host.eraseFormatMark({ device, diskUri: other }, never));
      assert.equal(valueOf(await world.host.readFormatMark(device, never))?.uuid, otherUuid);
      valueOf(await world.host.eraseFormatMark({ device, diskUri: mark.diskUri }, never));
      assert.equal(valueOf(await world.host.readFormatMark(device, never)), undefined);
    });

    onLinux("shows the mark to a replica whose kernel had read the disk without it", async (world) => {
      const { writer, replica, close } = await aReplicaNode(world);
      const mark = { diskUri: "/disks/pvc-1", uuid };
      valueOf(await world.host.writeFormatMark({ device: writer, fsType: usual, mark }, never));
      assert.deepEqual(valueOf(await world.host.readFormatMark(replica, never)), mark);
      await close();
    });

    on("refuses to erase what is mounted", async (world) => {
      const { device } = await aStagedVolume(world, usual);
      assert.equal(
        kindOf(await world.host.eraseUnfinishedFormat({ device, fsType: usual }, never)),
        "DeviceBusy",
      );
    });

    on("refuses to format a second time", async (world) => {
      const device = await aFormattedDevice(world, 0, usual);
      assert.equal(
        kindOf(await world.host.format({ device, fsType: usual, uuid }, never)),
        "WrongFileSystem",
      );
    });
  });
}

const otherUuid = randomUUID();

/** The fields of `from` that `like` has. */
function pick(
  from: Readonly<Record<string, string>>,
  like: Readonly<Record<string, string>>,
): Readonly<Record<string, string | undefined>> {
  return Object.fromEntries(Object.keys(like).map((name) => [name, from[name]]));
}
