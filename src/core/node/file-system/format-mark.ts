import { resourceUriKey } from "../../azure/ids/disk-uri.ts";
import { sha256Hex } from "../../primitives/sha256.ts";

/**
 * What the driver writes on a blank disk before it makes the first file system there, and erases before
 * the first mount. While the mark exists, no pod has written to the disk, even if the volume's objects
 * were lost (ADR 0033).
 */
export interface FormatMark {
  /** Resource id of the disk that it was written on, which differs from that of a copy. */
  readonly diskUri: string;
  /** The UUID of the file system being made, lower case. One that a person made has another. */
  readonly uuid: string;
}

/** Length of a mark in bytes: the largest sector of Azure's disks, so that its write is atomic. */
export const FORMAT_MARK_BYTES = 4096;

const TITLE = "disk.csi.azure.com/first-format/1";
const MIB = 1024n * 1024n;
/** Azure's smallest disk. */
const AZURE_DISK_MIN_BYTES = 1024n * MIB;
const OFFSET_BYTES = 736n * MIB;
const SMALL_OFFSET_BYTES = 100n * MIB;

/**
 * Where a device of that size has its mark, in bytes: far from both ends, which mkfs wipes first, and
 * from the metadata and logs of ext and XFS. The same for every Azure disk, so that growth does not move
 * it. An ext3 of 128 GiB or more has its journal there.
 */
export function formatMarkOffset(sizeBytes: bigint): bigint {
  return sizeBytes >= AZURE_DISK_MIN_BYTES ? OFFSET_BYTES : SMALL_OFFSET_BYTES;
}

/** A mark as text without NUL; the rest of its block is NUL. */
export function formatMarkText({ diskUri, uuid }: FormatMark): string {
  const fields = `${TITLE}\n${resourceUriKey(diskUri)}\n${uuid}\n`;
  return `${fields}${sha256Hex(fields)}\n`;
}

/** The mark in a block of `FORMAT_MARK_BYTES` characters, checked to the last of them; undefined: none. */
export function parseFormatMark(block: string): FormatMark | undefined {
  const [, diskUri = "", uuid = ""] = block.split("\n");
  const mark = { diskUri, uuid };
  return block === formatMarkText(mark).padEnd(FORMAT_MARK_BYTES, "\0") ? mark : undefined;
}
