import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { formatDiskUri } from "../../azure/ids/disk-uri.ts";
import { diskUri } from "../../testing/objects.ts";
import type { DeviceContent } from "../device/judge-device-content.ts";
import {
  type FileSystemPlan,
  needsLookForType,
  type ObservedFileSystem,
  planFileSystem,
} from "./plan-file-system.ts";

const devicePath = "/dev/sdc";
const otherUri = formatDiskUri({ subscriptionId: "sub-1", resourceGroup: "rg-1", diskName: "pvc-2" });
const formatted = { fsType: "ext4", nodeName: "node-b", time: "2026-01-01T00:00:00.000Z", uuid: "uuid-1" };
const ownMark = { diskUri: diskUri.toUpperCase(), uuid: "uuid-1" };
const othersMark = { diskUri: otherUri, uuid: "uuid-1" };
const ext4: DeviceContent = { kind: "fileSystem", fsType: "ext4", uuid: "uuid-1" };
const xfs: DeviceContent = { kind: "fileSystem", fsType: "xfs", uuid: "uuid-1" };
const unsigned: DeviceContent = {
  kind: "otherData",
  detail: "no known signature, but data at its start",
  hasNoSignature: true,
};
const partitions: DeviceContent = { kind: "otherData", detail: "a partition table of type gpt" };

function plan(overrides: Partial<ObservedFileSystem>): FileSystemPlan {
  const blank: ObservedFileSystem = {
    devicePath,
    content: { kind: "blank" },
    contentOfType: undefined,
    mark: undefined,
    diskUri,
    sourceUri: undefined,
    partition: undefined,
    isRawOnly: false,
    formatted: undefined,
    fsType: "ext4",
    geometry: {},
    sizeGiB: 1024,
    readOnly: false,
  };
  return planFileSystem({ ...blank, ...overrides });
}

const check = { kind: "Check", uuid: "uuid-1", isOwnUnfinished: false, isUnknown: false } as const;
const wrongFileSystem = (found: string, requested: string): FileSystemPlan => ({
  kind: "Refuse",
  failure: { kind: "WrongFileSystem", devicePath, found, requested },
});
const wrongDevice = (problem: string): FileSystemPlan => ({
  kind: "Refuse",
  failure: { kind: "WrongDevice", devicePath, problem },
});

const copyWithoutData = wrongFileSystem(
  `no data, as a copy of ${otherUri}, and a copy is never formatted`,
  "ext4",
);

const rawData =
  "no data at its ends, as a volume that pods may have written as raw block (volumeMode: Block), " +
  "and such a one is never formatted";
const handedOutRaw = { fsType: "raw block", nodeName: "node-b", time: "2026-01-01T00:00:00.000Z" };

interface Row {
  readonly because: string;
  readonly given: Partial<ObservedFileSystem>;
  readonly planned: FileSystemPlan;
}

function assertRows(rows: readonly Row[]): void {
  for (const { because, given, planned } of rows) it(because, () => assert.deepEqual(plan(given), planned));
}

describe("planFileSystem on a blank device", () => {
  assertRows([
    { because: "makes the first file system", given: {}, planned: { kind: "Make", uuid: undefined } },
    {
      because: "keeps the UUID of an attempt that wrote its mark only",
      given: { mark: ownMark },
      planned: { kind: "Make", uuid: "uuid-1" },
    },
    {
      because: "takes no UUID from the mark of another disk",
      given: { mark: othersMark },
      planned: { kind: "Make", uuid: undefined },
    },
    {
      because: "makes no second one, whatever mark is there",
      given: { formatted, mark: ownMark },
      planned: wrongDevice("it is blank, but node-b made ext4 on this volume at 2026-01-01T00:00:00.000Z"),
    },
    {
      because: "makes none on a copy, whatever mark is there",
      given: { sourceUri: otherUri, mark: ownMark },
      planned: copyWithoutData,
    },
    {
      because: "makes none on a copy that is to be read only",
      given: { sourceUri: otherUri, readOnly: true },
      planned: copyWithoutData,
    },
    {
      because: "makes none on a partition, whatever mark is there",
      given: { partition: 2, mark: ownMark },
      planned: wrongFileSystem("no data, as a partition, and the driver formats whole disks only", "ext4"),
    },
    {
      because: "makes none on a volume that is known for raw block only, whatever mark is there",
      given: { isRawOnly: true, mark: ownMark },
      planned: wrongFileSystem(rawData, "ext4"),
    },
    {
      because: "makes none on a volume that was handed out raw",
      given: { formatted: handedOutRaw },
      planned: wrongFileSystem(rawData, "ext4"),
    },
    {
      because: "makes none read-only",
      given: { readOnly: true },
      planned: {
        kind: "Refuse",
        failure: {
          kind: "InvalidArgument",
          field: "readonly",
          value: "true",
          problem: "the volume has no file system yet and can't be given one read-only",
        },
      },
    },
  ]);
});

describe("planFileSystem on a volume that pods may have written as raw block", () => {
  assertRows([
    {
      because: "checks the file system that a person has made, once its LUN was looked up",
      given: { formatted: handedOutRaw, content: ext4 },
      planned: { ...check, isUnknown: true },
    },
    {
      because: "checks its file system",
      given: { isRawOnly: true, content: ext4, formatted },
      planned: check,
    },
  ]);
});

describe("planFileSystem with a geometry", () => {
  const geometry = { blockSize: 1024 } as const;
  const refused: FileSystemPlan = {
    kind: "Refuse",
    failure: {
      kind: "InvalidArgument",
      field: "volume_context.blockSize",
      value: "1024",
      problem:
        "must be one of 4096 with fsType ext4, 1024 GiB. The volume has no file system yet: state an " +
        "allowed value in a new PersistentVolume",
    },
  };
  assertRows([
    {
      because: "makes a file system that its device and its growth can serve",
      given: { geometry, sizeGiB: 32 },
      planned: { kind: "Make", uuid: undefined },
    },
    {
      because: "makes none with a geometry that its device can't have",
      given: { geometry },
      planned: refused,
    },
    {
      because: "erases no unfinished one for a geometry that its device can't have",
      given: { geometry, content: unsigned, mark: ownMark },
      planned: refused,
    },
    {
      because: "checks an existing one, which keeps its own geometry",
      given: { geometry, content: ext4, formatted },
      planned: check,
    },
    {
      because: "makes none on a copy, whatever geometry is stated",
      given: { geometry, sizeGiB: 32, sourceUri: otherUri },
      planned: copyWithoutData,
    },
  ]);
});

describe("planFileSystem on data without a file system", () => {
  assertRows([
    {
      because: "makes its own unfinished one again",
      given: { content: unsigned, mark: ownMark },
      planned: { kind: "MakeAgain", uuid: "uuid-1" },
    },
    {
      because: "refuses it on a copy, whatever mark is there",
      given: { content: unsigned, mark: ownMark, sourceUri: otherUri },
      planned: wrongFileSystem(unsigned.detail, "ext4"),
    },
    {
      because: "refuses it on a partition, whatever mark is there",
      given: { content: unsigned, mark: ownMark, partition: 2 },
      planned: wrongFileSystem(unsigned.detail, "ext4"),
    },
    {
      because: "refuses data without a mark, which a person may erase",
      given: { content: unsigned },
      planned: {
        kind: "Refuse",
        failure: {
          kind: "WrongFileSystem",
          devicePath,
          found: unsigned.detail,
          requested: "ext4",
          isFormattedOnceBlank: true,
        },
      },
    },
    {
      because: "refuses it where pods may have written it raw, which is never to be erased",
      given: { content: unsigned, isRawOnly: true },
      planned: wrongFileSystem(unsigned.detail, "ext4"),
    },
    {
      because: "refuses it on a copy without a mark, which is never to be erased",
      given: { content: unsigned, sourceUri: otherUri },
      planned: wrongFileSystem(unsigned.detail, "ext4"),
    },
    {
      because: "refuses it read-only, where erasing it would not help",
      given: { content: unsigned, readOnly: true },
      planned: wrongFileSystem(unsigned.detail, "ext4"),
    },
    {
      because: "refuses a copy, which has the mark of its source",
      given: { content: unsigned, mark: othersMark },
      planned: wrongFileSystem(unsigned.detail, "ext4"),
    },
    {
      because: "refuses what mkfs never leaves, also with a mark",
      given: { content: partitions, mark: ownMark },
      planned: wrongFileSystem(partitions.detail, "ext4"),
    },
    {
      because: "refuses it where the volume has a file system on record",
      given: { content: unsigned, mark: ownMark, formatted },
      planned: wrongFileSystem(unsigned.detail, "ext4"),
    },
  ]);
});

describe("planFileSystem on a file system", () => {
  const unknown = { ...check, isUnknown: true };
  const withoutUuid = { fsType: "ext4", nodeName: "node-b", time: "2026-01-01T00:00:00.000Z" };
  const nameless: DeviceContent = { kind: "fileSystem", fsType: "ext4", uuid: "" };
  assertRows([
    { because: "checks the one on record", given: { content: ext4, formatted }, planned: check },
    {
      because: "checks the one on record, whatever mark is there",
      given: { content: ext4, formatted, mark: ownMark },
      planned: check,
    },
    {
      because: "makes an XFS on record never again",
      given: { content: xfs, fsType: "xfs", formatted, mark: ownMark },
      planned: check,
    },
    {
      because: "checks its own, which nothing has used",
      given: { content: ext4, mark: ownMark },
      planned: { ...check, isOwnUnfinished: true },
    },
    {
      because: "makes its own XFS again, which nothing checks",
      given: { content: xfs, fsType: "xfs", mark: ownMark },
      planned: { kind: "MakeAgain", uuid: "uuid-1" },
    },
    {
      because: "makes its own btrfs again, which nothing checks",
      given: { content: { ...xfs, fsType: "btrfs" }, fsType: "btrfs", mark: ownMark },
      planned: { kind: "MakeAgain", uuid: "uuid-1" },
    },
    { because: "does not know the origin of one without a mark", given: { content: ext4 }, planned: unknown },
    {
      because: "does not know the origin of an XFS without a mark",
      given: { content: xfs, fsType: "xfs" },
      planned: unknown,
    },
    {
      because: "does not know the origin of one in a copy",
      given: { content: xfs, fsType: "xfs", mark: othersMark },
      planned: unknown,
    },
    {
      because: "does not take one that a person made over the mark for its own",
      given: { content: xfs, fsType: "xfs", mark: { ...ownMark, uuid: "uuid-2" } },
      planned: unknown,
    },
    {
      because: "does not know one whose UUID is on no record",
      given: { content: ext4, formatted: withoutUuid },
      planned: unknown,
    },
    {
      because: "does not know one without a UUID that is on no record",
      given: { content: nameless },
      planned: { ...unknown, uuid: "" },
    },
    {
      because: "knows one without a UUID that is on record",
      given: { content: nameless, formatted: withoutUuid },
      planned: { ...check, uuid: "" },
    },
    {
      because: "refuses another one than the volume's",
      given: { content: ext4, formatted: { ...formatted, uuid: "uuid-2" } },
      planned: wrongDevice("its file system has UUID uuid-1, the volume's has uuid-2"),
    },
    ...(["ext3", "ext2"] as const).map((fsType) => ({
      because: `checks an ${fsType} as the ext4 that the kernel mounts it as`,
      given: { content: { ...ext4, fsType }, formatted },
      planned: check,
    })),
    {
      because: "refuses an ext4 as an ext3, whose features it may exceed",
      given: { content: ext4, fsType: "ext3" },
      planned: wrongFileSystem("ext4", "ext3"),
    },
    {
      because: "refuses another type, also with a mark",
      given: { content: xfs, mark: ownMark },
      planned: wrongFileSystem("xfs", "ext4"),
    },
  ]);
});

describe("planFileSystem on data that hides the file system on record", () => {
  const raid: DeviceContent = { kind: "otherData", detail: "raid of type jmicron_raid_member" };
  const iso: DeviceContent = { kind: "fileSystem", fsType: "iso9660", uuid: "2026-01-01" };
  const none: DeviceContent = { kind: "otherData", detail: "no ext4" };
  assertRows([
    {
      because: "checks the one with its UUID behind other data",
      given: { content: raid, contentOfType: ext4, formatted },
      planned: check,
    },
    {
      because: "checks the one with its UUID behind another file system",
      given: { content: iso, contentOfType: ext4, formatted },
      planned: check,
    },
    {
      because: "refuses other data where the look finds another UUID",
      given: { content: raid, contentOfType: ext4, formatted: { ...formatted, uuid: "uuid-2" } },
      planned: wrongFileSystem("raid of type jmicron_raid_member", "ext4"),
    },
    {
      because: "refuses other data where the look finds nothing",
      given: { content: raid, contentOfType: none, formatted },
      planned: wrongFileSystem("raid of type jmicron_raid_member", "ext4"),
    },
    {
      because: "refuses other data of a volume without a UUID on record",
      given: { content: raid, contentOfType: ext4 },
      planned: wrongFileSystem("raid of type jmicron_raid_member", "ext4"),
    },
  ]);

  const looks = [
    { because: "other data", given: { content: raid, formatted }, looked: true },
    { because: "a file system of another type", given: { content: iso, formatted }, looked: true },
    { because: "no UUID on record", given: { content: raid, formatted: undefined }, looked: false },
    { because: "no signature at all", given: { content: unsigned, formatted }, looked: false },
    { because: "a blank disk", given: { content: { kind: "blank" }, formatted }, looked: false },
    { because: "a file system of its type", given: { content: ext4, formatted }, looked: false },
  ] as const;
  for (const { because, given, looked } of looks)
    it(`${looked ? "needs" : "needs no"} look for the type alone: ${because}`, () =>
      assert.equal(needsLookForType({ fsType: "ext4", ...given }), looked));
});
