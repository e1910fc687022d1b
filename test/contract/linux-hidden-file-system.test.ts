import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { open } from "node:fs/promises";
import { describe } from "node:test";
import { promisify } from "node:util";
import { valueOf } from "../../src/core/testing/value-of.ts";
import type { FileSystemType } from "../../src/core/volume/device/file-system.ts";
import { aDevice, DISK_BYTES, never } from "./host/host-suite.ts";
import { onLinuxHost } from "./worlds/on-linux-host.ts";

const SECTOR_BYTES = 512;
const run = promisify(execFile);

/** The uberblock's magic of ZFS, which blkid looks for at every KiB of its label. */
const ZFS_UBERBLOCK_MAGIC = 0x00bab10cn;
const ZFS_VERSION = 28n;
const ZFS_LABEL_BYTES = 256 * 1024;
const ZFS_UBERBLOCKS_AT = 128 * 1024;
const ZFS_UBERBLOCK_BYTES = 1024;

/** The last label of a ZFS member, with an uberblock a KiB. */
function zfsLabel(): Buffer {
  const label = Buffer.alloc(ZFS_LABEL_BYTES);
  for (let at = ZFS_UBERBLOCKS_AT; at < ZFS_LABEL_BYTES; at += ZFS_UBERBLOCK_BYTES) {
    label.writeBigUInt64LE(ZFS_UBERBLOCK_MAGIC, at);
    label.writeBigUInt64LE(ZFS_VERSION, at + 8);
  }
  return label;
}

interface Written {
  readonly what: string;
  readonly bytes: Buffer;
  readonly found: RegExp;
}

/** What a pod that fills its volume may write to the end of the device. */
const written: readonly Written[] = [
  {
    what: "a sector that begins with JM",
    bytes: Buffer.concat([Buffer.from("JM"), Buffer.alloc(SECTOR_BYTES - 2, "x")]),
    found: /jmicron_raid_member/u,
  },
  { what: "the label of a ZFS member", bytes: zfsLabel(), found: /zfs_member/u },
];

describe("Linux host on a file system that a pod has hidden", () => {
  for (const { what, bytes, found } of written)
    for (const fsType of ["ext4", "xfs", "btrfs"] as const)
      onLinuxHost(`finds ${fsType} behind ${what}, and formats nothing`, { fsType }, async (world) => {
        const { host } = world;
        const device = await aDevice(world, 0);
        const uuid = randomUUID();
        valueOf(await host.format({ device, fsType, uuid, geometry: {} }, never));
        const disk = await open(device.path, "r+");
        try {
          await disk.write(bytes, 0, bytes.length, Number(DISK_BYTES) - bytes.length);
          await disk.sync();
        } finally {
          await disk.close();
        }
        const content = valueOf(await host.inspectDevice(device, never));
        assert.match(content.kind === "otherData" ? content.detail : content.kind, found);
        const other: FileSystemType = fsType === "xfs" ? "ext4" : "xfs";
        assert.deepEqual(valueOf(await host.inspectFileSystem({ device, fsType: other }, never)), {
          kind: "otherData",
          detail: `no ${other}`,
        });
        const own = valueOf(await host.inspectFileSystem({ device, fsType }, never));
        assert.deepEqual(own, { kind: "fileSystem", fsType, uuid });
        const again = await host.format({ device, fsType, uuid: randomUUID(), geometry: {} }, never);
        assert.equal(again.ok ? "ok" : again.failure.kind, "WrongFileSystem");
        valueOf(await host.checkFileSystem({ device, fsType }, never));
        const path = world.pathOf("staging");
        valueOf(await host.mountDevice({ device, path, fsType, mountFlags: [], readOnly: false }, never));
        const { stdout } = await run("findmnt", ["-rno", "FSTYPE", path]);
        assert.equal(stdout.trim(), fsType);
        valueOf(await host.unmount(path, never));
      });
});
