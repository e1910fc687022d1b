import { open } from "node:fs/promises";
import type { Failure } from "../../core/failure/failure.ts";
import type { Result } from "../../core/failure/result.ts";
import { fail, ok } from "../../core/failure/result.ts";
import {
  FORMAT_MARK_BYTES,
  type FormatMark,
  formatMarkText,
  parseFormatMark,
} from "../../core/node/file-system/format-mark.ts";
import type { Device } from "../../ports/host/host-provisioner.ts";

const MIB = 1024 * 1024;
/** How much of each end of a disk is read, and is erased after an unfinished format. */
const END_BYTES = MIB;
/** A raw read or write starts at a multiple of this: the largest sector of Azure's disks. */
const SECTOR_BYTES = 4096;

/**
 * Where the mark of a first format is, in bytes: after the reserved partition that Windows makes on a GPT
 * disk (16 MiB), and before the data partition. Windows lets a process write a sector of a volume only while
 * that is dismounted; this one is in none.
 */
const MARK_OFFSET = 24 * MIB;
/** Where the UUID of the driver's own file system is, in bytes: Windows rewrites the GUIDs of a disk. */
const UUID_OFFSET = 28 * MIB;
const UUID_TITLE = "disk.csi.azure.com/file-system/1";
/** Where the data partition begins, in bytes. */
export const DATA_PARTITION_OFFSET = 32 * MIB;

/** The ends of a disk that hold anything but zeros. */
export async function nonZeroEnds(device: Device): Promise<Result<readonly ("start" | "end")[], Failure>> {
  const start = await readAt(device, 0, END_BYTES);
  if (!start.ok) return start;
  const end = await readAt(device, endOffset(device), END_BYTES);
  if (!end.ok) return end;
  return ok([
    ...(holdsData(start.value) ? (["start"] as const) : []),
    ...(holdsData(end.value) ? (["end"] as const) : []),
  ]);
}

/** Zeroes both ends of a disk, durably. The mark stays. */
export async function zeroEnds(device: Device): Promise<Result<void, Failure>> {
  await writeAt(device, 0, Buffer.alloc(END_BYTES));
  await writeAt(device, endOffset(device), Buffer.alloc(END_BYTES));
  return ok(undefined);
}

/** The mark of a first format; undefined: none. Fails with `WrongDevice` where it can't be read whole. */
export async function readMark(device: Device): Promise<Result<FormatMark | undefined, Failure>> {
  const block = await readAt(device, MARK_OFFSET, FORMAT_MARK_BYTES);
  return block.ok ? ok(parseFormatMark(block.value.toString("latin1"))) : block;
}

/** Writes a mark, durably; undefined erases it. */
export async function writeMark(
  device: Device,
  mark: FormatMark | undefined,
): Promise<Result<void, Failure>> {
  const block = Buffer.alloc(FORMAT_MARK_BYTES);
  if (mark !== undefined) block.write(formatMarkText(mark), "latin1");
  await writeAt(device, MARK_OFFSET, block);
  return ok(undefined);
}

/** The UUID that the driver has given the disk's file system; empty: none. */
export async function readUuid(device: Device): Promise<Result<string, Failure>> {
  const block = await readAt(device, UUID_OFFSET, SECTOR_BYTES);
  if (!block.ok) return block;
  const [, uuid = ""] = block.value.toString("latin1").split("\n");
  return ok(block.value.equals(uuidBlock(uuid)) ? uuid : "");
}

/** Writes the UUID of the disk's file system, durably. */
export function writeUuid(device: Device, uuid: string): Promise<void> {
  return writeAt(device, UUID_OFFSET, uuidBlock(uuid));
}

function uuidBlock(uuid: string): Buffer {
  const block = Buffer.alloc(SECTOR_BYTES);
  block.write(`${UUID_TITLE}\n${uuid}\n`, "latin1");
  return block;
}

function endOffset({ sizeBytes }: Device): number {
  const last = Number(sizeBytes) - END_BYTES;
  return last - (last % SECTOR_BYTES);
}

function holdsData(block: Buffer): boolean {
  return block.some((byte) => byte !== 0);
}

/** An incomplete read is no proof of zeros: the disk may have been detached. */
async function readAt(device: Device, offset: number, lengthBytes: number): Promise<Result<Buffer, Failure>> {
  const file = await open(device.path, "r");
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(lengthBytes), 0, lengthBytes, offset);
    const problem = `only ${bytesRead} of ${lengthBytes} bytes at offset ${offset} could be read`;
    return bytesRead < lengthBytes
      ? fail({ kind: "WrongDevice", devicePath: device.path, problem: `${problem}: look for the LUN again` })
      : ok(buffer);
  } finally {
    await file.close();
  }
}

async function writeAt(device: Device, offset: number, block: Buffer): Promise<void> {
  const file = await open(device.path, "r+");
  try {
    await file.write(block, 0, block.length, offset);
    await file.sync();
  } finally {
    await file.close();
  }
}
