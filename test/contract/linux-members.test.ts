import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { open } from "node:fs/promises";
import { describe } from "node:test";
import { valueOf } from "../../src/core/testing/value-of.ts";
import { aDevice, DISK_BYTES, never } from "./host/host-suite.ts";
import { onLinuxHost } from "./worlds/on-linux-host.ts";

const SECTOR_BYTES = 512;
const SIZE = Number(DISK_BYTES);

/** Bytes at a place of a block of zeros. */
function block(sizeBytes: number, ...fields: readonly (readonly [number, Buffer])[]): Buffer {
  const bytes = Buffer.alloc(sizeBytes);
  for (const [at, field] of fields) field.copy(bytes, at);
  return bytes;
}

const hex = (digits: string): Buffer => Buffer.from(digits.replaceAll("-", ""), "hex");

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

/** CRC-32 as LVM has it: another start, and no inversion at the end. */
function lvmChecksum(bytes: Buffer): Buffer {
  let crc = 0xf597a6cf;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return u32(crc >>> 0);
}

/** The label of a physical volume, in the second sector. */
function lvmLabel(): Buffer {
  const [label, type] = [Buffer.from("LABELONE"), Buffer.from("LVM2 001")];
  const uuid = Buffer.from("0123456789abcdefghijklmnopqrstuv");
  const sector = block(SECTOR_BYTES, [0, label], [8, u32(1)], [20, u32(32)], [24, type], [32, uuid]);
  lvmChecksum(sector.subarray(20)).copy(sector, 16);
  return sector;
}

/** A member of an array of Linux: a superblock of version 1 says in which sector it is, by its checksum. */
function raidMember(sector: number): Buffer {
  const setUuid = hex("00112233-4455-6677-8899-aabbccddeeff");
  const fields = [
    [0, u32(0xa92b4efc)],
    [4, u32(1)],
    [16, setUuid],
    [144, u32(sector)],
  ] as const;
  const bytes = block(4096, ...fields);
  let sum = 0;
  for (let at = 0; at < 256; at += 4) sum += bytes.readUInt32LE(at);
  u32(((sum % 2 ** 32) + Math.floor(sum / 2 ** 32)) % 2 ** 32).copy(bytes, 216);
  return bytes;
}

/** As version 1.0 places it: at least 8 KiB from the end, at a multiple of 4 KiB. */
const RAID_END_SECTOR = (SIZE / SECTOR_BYTES - 16) & ~7;

/** What begins a disk of ZFS: a label with an uberblock a KiB. */
function zfsLabel(): Buffer {
  const label = Buffer.alloc(256 * 1024);
  for (let at = 128 * 1024; at < label.length; at += 1024) {
    label.writeBigUInt64LE(0x00bab10cn, at);
    label.writeBigUInt64LE(28n, at + 8);
  }
  return label;
}

interface Member {
  readonly of: string;
  readonly at: number;
  readonly bytes: Buffer;
  /** What the answer names; where blkid of this machine does not know it, the bytes alone count. */
  readonly found: RegExp;
}

const UNKNOWN_TO_BLKID = "no known signature, but data at its (?:start|end)";

const members: readonly Member[] = [
  { of: "LVM", at: SECTOR_BYTES, bytes: lvmLabel(), found: /LVM2_member/u },
  {
    of: "an array of mdadm, at its start (1.2)",
    at: 4096,
    bytes: raidMember(8),
    found: /linux_raid_member/u,
  },
  {
    of: "an array of mdadm, at its end (1.0)",
    at: RAID_END_SECTOR * SECTOR_BYTES,
    bytes: raidMember(RAID_END_SECTOR),
    found: /linux_raid_member/u,
  },
  {
    of: "LUKS 1",
    at: 0,
    bytes: block(4096, [0, hex("4c554b53babe0001")]),
    found: /crypto_LUKS/u,
  },
  {
    of: "LUKS 2",
    at: 0,
    bytes: block(4096, [0, hex("4c554b53babe0002")]),
    found: /crypto_LUKS/u,
  },
  { of: "ZFS", at: 0, bytes: zfsLabel(), found: /zfs_member/u },
  {
    of: "bcache",
    at: 4096,
    bytes: block(4096, [8, u32(8)], [24, hex("c68573f6-4e1a-45ca-8265-f57f48ba6d81")]),
    found: new RegExp(`bcache|${UNKNOWN_TO_BLKID}`, "u"),
  },
  {
    of: "Stratis",
    at: SECTOR_BYTES,
    bytes: block(SECTOR_BYTES, [4, Buffer.from("!Stra0tis\u0086\u00ff\u0002^Arh", "latin1")]),
    found: new RegExp(`stratis|${UNKNOWN_TO_BLKID}`, "u"),
  },
  {
    of: "dm-vdo",
    at: 0,
    bytes: block(4096, [0, Buffer.from("dmvdo001")]),
    found: new RegExp(`vdo|${UNKNOWN_TO_BLKID}`, "u"),
  },
  {
    of: "dm-integrity",
    at: 0,
    bytes: block(4096, [0, Buffer.from("integrt\0")], [8, Buffer.from([1])]),
    found: new RegExp(`integrity|${UNKNOWN_TO_BLKID}`, "iu"),
  },
];

describe("Linux host on a disk that is a member of something else", () => {
  for (const { of, at, bytes, found } of members)
    onLinuxHost(`finds it and formats nothing: ${of}`, {}, async (world) => {
      const { host } = world;
      const device = await aDevice(world, 0);
      const disk = await open(device.path, "r+");
      try {
        await disk.write(bytes, 0, bytes.length, at);
        await disk.sync();
        valueOf(await host.dropCachedBlocks(device, never));
        const content = valueOf(await host.inspectDevice(device, never));
        // blkid calls ZFS a file system, and no volume is one of that type.
        const named = content.kind === "fileSystem" ? content.fsType : content.kind;
        assert.match(content.kind === "otherData" ? content.detail : named, found);
        for (const fsType of ["ext4", "xfs"] as const) {
          const formatted = await host.format({ device, fsType, uuid: randomUUID(), geometry: {} }, never);
          assert.equal(formatted.ok ? "formatted" : formatted.failure.kind, "WrongFileSystem");
        }
        const kept = await disk.read(Buffer.alloc(bytes.length), 0, bytes.length, at);
        assert.ok(kept.buffer.equals(bytes), "the disk keeps what it held");
      } finally {
        await disk.close();
      }
    });

  for (const fsType of ["ext4", "xfs"] as const)
    onLinuxHost(
      `does not take a mirror with its superblock at the end for ${fsType}`,
      { fsType },
      async (world) => {
        const { host } = world;
        const device = await aDevice(world, 0);
        valueOf(await host.format({ device, fsType, uuid: randomUUID(), geometry: {} }, never));
        const disk = await open(device.path, "r+");
        try {
          const bytes = raidMember(RAID_END_SECTOR);
          await disk.write(bytes, 0, bytes.length, RAID_END_SECTOR * SECTOR_BYTES);
          await disk.sync();
        } finally {
          await disk.close();
        }
        valueOf(await host.dropCachedBlocks(device, never));
        const content = valueOf(await host.inspectDevice(device, never));
        // To mount one of the mirror's disks would make the two differ.
        assert.deepEqual(content, { kind: "otherData", detail: "raid of type linux_raid_member" });
      },
    );
});
