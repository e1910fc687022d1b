import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { judgeDeviceContent, parseBlkidExport, parseWipefsTypes } from "./judge-device-content.ts";
import type { ContentWitnesses, DeviceContent } from "./judge-device-content.ts";

const btrfs = { TYPE: "btrfs", USAGE: "filesystem", UUID: "6f1d" };
const allSayBlank: ContentWitnesses = { blkid: "nothing", wipefsTypes: [], nonZeroParts: [] };

describe("judgeDeviceContent", () => {
  const rows: readonly { because: string; witnesses: Partial<ContentWitnesses>; content: DeviceContent }[] = [
    { because: "all three witnesses agree", witnesses: {}, content: { kind: "blank" } },
    {
      because: "one signature that blkid missed is enough",
      witnesses: { wipefsTypes: ["gpt"] },
      content: { kind: "otherData", detail: "signatures of gpt" },
    },
    {
      because: "raw data of an application has no signature",
      witnesses: { nonZeroParts: ["start"] },
      content: {
        kind: "otherData",
        detail: "no known signature, but data at its start",
        hasNoSignature: true,
      },
    },
    {
      because: "some formats keep their data at the end",
      witnesses: { nonZeroParts: ["start", "end"] },
      content: {
        kind: "otherData",
        detail: "no known signature, but data at its start and end",
        hasNoSignature: true,
      },
    },
    {
      because: "a file system whose first and last blocks were erased has more of them",
      witnesses: { nonZeroParts: ["middle"] },
      content: {
        kind: "otherData",
        detail: "no known signature, but data at its middle",
        hasNoSignature: true,
      },
    },
    {
      because: "blkid names a file system",
      witnesses: {
        blkid: { TYPE: "ext4", USAGE: "filesystem", UUID: "6f1d" },
        wipefsTypes: ["ext4"],
        nonZeroParts: ["start"],
      },
      content: { kind: "fileSystem", fsType: "ext4", uuid: "6f1d" },
    },
    {
      because: "a btrfs is whole on one device",
      witnesses: { blkid: btrfs, btrfs: { deviceCount: 1, isSeed: false } },
      content: { kind: "fileSystem", fsType: "btrfs", uuid: "6f1d" },
    },
    {
      because: "a btrfs on several devices would write to other disks",
      witnesses: { blkid: btrfs, btrfs: { deviceCount: 2, isSeed: false } },
      content: {
        kind: "otherData",
        detail: "one of 2 devices of a btrfs, which would write to disks that are not the volume's",
      },
    },
    {
      because: "a seed is mounted read-only, whatever is requested",
      witnesses: { blkid: btrfs, btrfs: { deviceCount: 1, isSeed: true } },
      content: {
        kind: "otherData",
        detail: "a btrfs that is a seed of others, and read-only (btrfstune -S 0 ends that)",
      },
    },
    {
      because: "the check of an ext with a journal elsewhere would write to another disk",
      witnesses: { blkid: { TYPE: "ext4", USAGE: "filesystem", UUID: "6f1d", EXT_JOURNAL: "45f3" } },
      content: {
        kind: "otherData",
        detail: "an ext file system whose journal 45f3 is on another disk, to which its check would write",
      },
    },
    {
      because: "an encrypted device has a type, but is no file system",
      witnesses: { blkid: { TYPE: "crypto_LUKS", USAGE: "crypto" } },
      content: { kind: "otherData", detail: "crypto of type crypto_LUKS" },
    },
    {
      because: "partitions are data",
      witnesses: { blkid: { PTTYPE: "gpt" } },
      content: { kind: "otherData", detail: "a partition table of type gpt" },
    },
    {
      because: "blkid names neither a type nor a use",
      witnesses: { blkid: { LABEL: "data" } },
      content: { kind: "otherData", detail: "something that blkid can't name" },
    },
    {
      because: "blkid names a type and no use",
      witnesses: { blkid: { TYPE: "zfs_member" } },
      content: { kind: "otherData", detail: "data of type zfs_member" },
    },
    {
      because: "blkid may find two that contradict each other",
      witnesses: { blkid: "ambivalent", wipefsTypes: ["ext4", "xfs"] },
      content: { kind: "otherData", detail: "several signatures that contradict each other (ext4, xfs)" },
    },
  ];
  for (const { because, witnesses, content } of rows) {
    it(`answers ${content.kind} when ${because}`, () =>
      assert.deepEqual(judgeDeviceContent({ ...allSayBlank, ...witnesses }), content));
  }
});

it("parses what blkid exports", () => {
  assert.deepEqual(parseBlkidExport("X=1\n=2\nDEVNAME=/dev/sdc\nLABEL=a=b\nTYPE=ext4\n"), {
    X: "1",
    DEVNAME: "/dev/sdc",
    LABEL: "a=b",
    TYPE: "ext4",
  });
});

it("parses the output of wipefs, also when it is empty", () => {
  assert.deepEqual(
    parseWipefsTypes('{"signatures":[{"device":"sdc","type":"xfs"},{"device":"sdc","type":"gpt"}]}'),
    ["xfs", "gpt"],
  );
  assert.deepEqual(
    parseWipefsTypes('{"signatures":[{"device":"sdc"}]}'),
    ["unknown"],
    "a signature all the same",
  );
  assert.deepEqual(parseWipefsTypes("\n"), []);
  assert.equal(parseWipefsTypes('{"signatures":7}'), undefined);
  assert.equal(parseWipefsTypes("[]"), undefined);
  assert.equal(parseWipefsTypes("cannot"), undefined);
});
