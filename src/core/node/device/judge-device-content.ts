import { isRecord } from "../../primitives/is-record.ts";
import { parseJson } from "../../primitives/parse-json.ts";
import { whyBtrfsUnserved, type BtrfsSuper } from "../btrfs/parse-btrfs-super.ts";

/** What is on a device, by three witnesses: blkid, wipefs and a raw read of parts of it. */
export type DeviceContent =
  | { readonly kind: "blank" }
  /** `uuid` as the file system itself states it; empty if it has none. */
  | { readonly kind: "fileSystem"; readonly fsType: string; readonly uuid: string }
  /** `hasNoSignature`: no tool recognizes it, as in the middle of mkfs. */
  | { readonly kind: "otherData"; readonly detail: string; readonly hasNoSignature?: true };

/** The output of the three witnesses. */
export interface ContentWitnesses {
  /** The fields of `blkid -p -o export`; `nothing` for its exit code 2, `ambivalent` for 8. */
  readonly blkid: Readonly<Record<string, string>> | "nothing" | "ambivalent";
  /** Where blkid names a btrfs: what its superblock says of its devices. */
  readonly btrfs?: BtrfsSuper | undefined;
  /** The types of all signatures that wipefs would erase. */
  readonly wipefsTypes: readonly string[];
  /** The parts of the device that hold anything but zeros, where they were read; in the order of the disk. */
  readonly nonZeroParts: readonly ("start" | "middle" | "end")[];
}

/** Parses `blkid -o export`: one `KEY=value` a line. */
export function parseBlkidExport(text: string): Readonly<Record<string, string>> {
  const pairs = text.split("\n").flatMap((line): [string, string][] => {
    const equals = line.indexOf("=");
    return equals < 1 ? [] : [[line.slice(0, equals), line.slice(equals + 1)]];
  });
  return Object.fromEntries(pairs);
}

/** The types of all signatures that `wipefs --no-act --json` prints; undefined: it is not its output. */
export function parseWipefsTypes(text: string): readonly string[] | undefined {
  if (text.trim() === "") return [];
  const parsed = parseJson(text);
  const signatures: unknown = isRecord(parsed) ? parsed["signatures"] : undefined;
  if (!Array.isArray(signatures)) return undefined;
  return signatures.map((signature: unknown) =>
    isRecord(signature) && "type" in signature ? String(signature["type"]) : "unknown",
  );
}

/**
 * Judges a device's content. It is blank only if all three witnesses say so; it is a file system only if
 * blkid names exactly one.
 */
export function judgeDeviceContent({
  blkid,
  btrfs,
  wipefsTypes,
  nonZeroParts,
}: ContentWitnesses): DeviceContent {
  if (blkid === "ambivalent")
    return {
      kind: "otherData",
      detail: `several signatures that contradict each other (${wipefsTypes.join(", ")})`,
    };
  if (blkid !== "nothing") {
    const fsType = blkid["TYPE"];
    const unserved = btrfs === undefined ? whyExtUnserved(blkid) : whyBtrfsUnserved(btrfs);
    if (unserved !== undefined) return { kind: "otherData", detail: unserved };
    if (fsType !== undefined && blkid["USAGE"] === "filesystem")
      return { kind: "fileSystem", fsType, uuid: blkid["UUID"] ?? "" };
    if (fsType !== undefined)
      return { kind: "otherData", detail: `${blkid["USAGE"] ?? "data"} of type ${fsType}` };
    const tableType = blkid["PTTYPE"];
    return {
      kind: "otherData",
      detail:
        tableType === undefined
          ? "something that blkid can't name"
          : `a partition table of type ${tableType}`,
    };
  }
  if (wipefsTypes.length > 0) return { kind: "otherData", detail: `signatures of ${wipefsTypes.join(", ")}` };
  if (nonZeroParts.length > 0)
    return {
      kind: "otherData",
      detail: `no known signature, but data at its ${nonZeroParts.join(" and ")}`,
      hasNoSignature: true,
    };
  return { kind: "blank" };
}

/**
 * Why an ext is not served. e2fsck finds a journal on another device by its UUID, among all disks of the
 * node, replays it, and empties it. For a copy of the file system that is the journal of its source.
 */
function whyExtUnserved(blkid: Readonly<Record<string, string>>): string | undefined {
  const journal = blkid["EXT_JOURNAL"];
  return journal === undefined
    ? undefined
    : `an ext file system whose journal ${journal} is on another disk, to which its check would write`;
}
