import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { rm, truncate, writeFile } from "node:fs/promises";
import { describe } from "node:test";
import { promisify } from "node:util";
import { gibToBytes } from "../../src/core/primitives/units.ts";
import { valueOf } from "../../src/core/testing/value-of.ts";
import type { Device } from "../../src/ports/host/host-provisioner.ts";
import { never } from "./host/host-suite.ts";
import type { LinuxHostWorld } from "./worlds/linux-host-world.ts";
import { onLinuxHost } from "./worlds/on-linux-host.ts";

const run = promisify(execFile);
const SIZE_BYTES = gibToBytes(2);
const dataInTheMiddle = {
  kind: "otherData",
  detail: "no known signature, but data at its middle",
  hasNoSignature: true,
};

describe("Linux host on a disk whose first blocks were erased", () => {
  for (const fsType of ["ext4", "xfs", "btrfs"] as const) {
    onLinuxHost(`does not call one blank that keeps the rest of ${fsType}`, { fsType }, async (world) => {
      const device = await aDisk(world);
      await run(`mkfs.${fsType}`, ["-q", device.path]);
      await zero(device, 0n, 2n);
      await zero(device, SIZE_BYTES / 1024n / 1024n - 2n, 2n);
      valueOf(await world.host.dropCachedBlocks(device, never));
      assert.deepEqual(valueOf(await world.host.inspectDevice(device, never)), dataInTheMiddle);
    });

    onLinuxHost(`formats it again with ${fsType} after an unfinished format`, { fsType }, async (world) => {
      const { host } = world;
      const device = await aDisk(world);
      const uuid = randomUUID();
      const mark = { diskUri: "/disks/pvc-1", uuid };
      assert.deepEqual(valueOf(await host.inspectDevice(device, never)), { kind: "blank" });
      valueOf(await host.writeFormatMark({ device, fsType, mark }, never));
      assert.deepEqual(valueOf(await host.inspectDevice(device, never)), { kind: "blank" });
      valueOf(await host.format({ device, fsType, uuid, geometry: {} }, never));
      valueOf(await host.eraseUnfinishedFormat({ device, fsType }, never));
      // A plug-in that is killed here finds the mark, and begins again.
      assert.deepEqual(valueOf(await host.inspectDevice(device, never)), dataInTheMiddle);
      assert.deepEqual(valueOf(await host.readFormatMark(device, never)), mark);
      valueOf(await host.format({ device, fsType, uuid, geometry: {} }, never));
      valueOf(await host.eraseFormatMark({ device, diskUri: mark.diskUri }, never));
      valueOf(await host.checkFileSystem({ device, fsType }, never));
    });
  }

  onLinuxHost("does not call one blank whose partition has a btrfs", { fsType: "btrfs" }, async (world) => {
    const device = await aDisk(world);
    const image = `${world.fileOf(0)}.partition`;
    await writeFile(image, "");
    await truncate(image, Number(gibToBytes(1)));
    await run("mkfs.btrfs", ["-q", image]);
    await run("dd", [`if=${image}`, `of=${device.path}`, "bs=1M", "seek=1", "conv=fsync,notrunc,sparse"]);
    await rm(image);
    valueOf(await world.host.dropCachedBlocks(device, never));
    assert.deepEqual(valueOf(await world.host.inspectDevice(device, never)), dataInTheMiddle);
  });
});

async function aDisk(world: LinuxHostWorld): Promise<Device> {
  await world.attachDisk({ lun: 0, sizeBytes: SIZE_BYTES });
  return valueOf(await world.host.findDevice({ lun: 0 }, never));
}

async function zero({ path }: Device, fromMib: bigint, countMib: bigint): Promise<void> {
  const place = [`of=${path}`, "bs=1M", `seek=${fromMib}`, `count=${countMib}`];
  await run("dd", ["if=/dev/zero", ...place, "conv=fsync,notrunc", "status=none"]);
}
