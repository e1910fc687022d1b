import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { FileSystemGeometry } from "../../volume/device/file-system-geometry.ts";
import { type FileSystemType, linuxFileSystemTypes } from "../../volume/device/file-system.ts";
import { mkfsArguments } from "./mkfs-arguments.ts";

const uuid = "0f1e2d3c-4b5a-4678-8796-a5b4c3d2e1f0";
const ext = ["-q", "-F", "-m0", "-E", "nodiscard", "-U", uuid];
const xfs = ["-q", "-K", "-m", `uuid=${uuid}`];
const version = "mkfs.xfs version 6.1.0\n";
const btrfs = ["-q", "-K", "-s", "4096", "-U", uuid];

function argumentsOf(fsType: FileSystemType, geometry: FileSystemGeometry): readonly string[] {
  return mkfsArguments({ fsType, uuid, version, geometry });
}

describe("mkfsArguments", () => {
  it("leave the geometry to mkfs where none is stated", () =>
    assert.deepEqual(
      linuxFileSystemTypes.map((fsType) => argumentsOf(fsType, {})),
      [ext, ext, ext, [...xfs, "-i", "nrext64=0"], btrfs],
    ));

  it("state each of an ext's sizes", () =>
    assert.deepEqual(argumentsOf("ext4", { blockSize: 2048, inodeSize: 512, bytesPerInode: 8192 }), [
      ...ext,
      ...["-b", "2048", "-I", "512", "-i", "8192"],
    ]));

  it("state only what is stated", () =>
    assert.deepEqual(argumentsOf("ext3", { bytesPerInode: 4096 }), [...ext, "-i", "4096"]));

  it("state the sizes of an XFS, which has no ratio of inodes", () =>
    assert.deepEqual(argumentsOf("xfs", { blockSize: 2048, inodeSize: 1024 }), [
      ...xfs,
      ...["-b", "size=2048", "-i", "nrext64=0,size=1024"],
    ]));

  // What Linux 5.15 does not mount, mkfs.xfs makes from 6.5 on; one before 5.19 does not know the option.
  const before = ["-i", "nrext64=0"];
  const later = ["-i", "nrext64=0,exchange=0", "-n", "parent=0"];
  for (const [printed, options] of [
    ["mkfs.xfs version 5.13.0", []],
    ["mkfs.xfs version 5.18.0", []],
    ["mkfs.xfs version 5.19.0", before],
    ["mkfs.xfs version 6.1.0", before],
    ["mkfs.xfs version 6.9.0", before],
    ["mkfs.xfs version 6.13.0", later],
    ["mkfs.xfs version 7.2.0", later],
    ["mkfs.xfs version 10.2.0", later],
    ["", []],
  ] as const)
    it(`keep an XFS mountable by each node's kernel (${printed})`, () => {
      const args = mkfsArguments({ fsType: "xfs", uuid, version: printed, geometry: {} });
      assert.deepEqual(args, [...xfs, ...options]);
    });

  for (const [printed, options] of [
    ["mkfs.btrfs, part of btrfs-progs v5.16.2", []],
    ["mkfs.btrfs, part of btrfs-progs v6.2", []],
    ["mkfs.btrfs, part of btrfs-progs v6.19", ["-O", "^block-group-tree"]],
    ["mkfs.btrfs, part of btrfs-progs v7.1", ["-O", "^block-group-tree"]],
    ["", []],
  ] as const)
    it(`keep a btrfs mountable by each node's kernel (${printed})`, () => {
      const args = mkfsArguments({ fsType: "btrfs", uuid, version: printed, geometry: {} });
      assert.deepEqual(args, [...btrfs, ...options]);
    });
});
