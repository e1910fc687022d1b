import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { describe } from "node:test";
import { promisify } from "node:util";
import { valueOf } from "../../src/core/testing/value-of.ts";
import { aDevice, DISK_BYTES, never } from "./host/host-suite.ts";
import { onLinuxHost } from "./worlds/on-linux-host.ts";

const run = promisify(execFile);
const ext4 = "ext4";

describe("Linux host on an ext4 whose journal is on another disk", () => {
  onLinuxHost("refuses it: its check would empty its source's journal", { fsType: ext4 }, async (world) => {
    const { host } = world;
    const device = await aDevice(world, 0);
    const journal = await aDevice(world, 1);
    await run("mke2fs", ["-q", "-F", "-b", "4096", "-O", "journal_dev", journal.path]);
    const to = ["-J", `device=${journal.path}`, device.path];
    await run("mke2fs", ["-q", "-F", "-b", "4096", "-t", ext4, ...to]);
    const path = world.pathOf("source");
    await world.makeDirectory(path);
    await run("mount", ["-t", ext4, device.path, path]);
    await world.writeFile(`${path}/file`, "synced, and not yet written from the journal");
    await run("sync", ["--file-system", path]);
    // Both disks as a machine leaves them that loses its power now.
    await world.attachCopy({ lun: 0, asLun: 2, sizeBytes: DISK_BYTES });
    await world.attachCopy({ lun: 1, asLun: 3, sizeBytes: DISK_BYTES });
    await run("umount", [path]);
    await world.detachDisk(0);
    await world.detachDisk(1);
    const before = await digestOf(world.fileOf(3));
    await world.attachCopy({ lun: 2, asLun: 4, sizeBytes: DISK_BYTES });
    const copy = valueOf(await host.findDevice({ lun: 4 }, never));
    const content = valueOf(await host.inspectDevice(copy, never));
    // As a stage does with what it takes for the volume's file system.
    if (content.kind === "fileSystem")
      valueOf(await host.checkFileSystem({ device: copy, fsType: ext4 }, never));
    assert.equal(await digestOf(world.fileOf(3)), before, "the source's journal is as it was");
    assert.match(content.kind === "otherData" ? content.detail : content.kind, /journal .* on another disk/u);
    const ofType = valueOf(await host.inspectFileSystem({ device: copy, fsType: ext4 }, never));
    assert.equal(ofType.kind, "otherData");
  });
});

async function digestOf(path: string): Promise<string> {
  return createHash("sha256")
    .update(await readFile(path))
    .digest("hex");
}
