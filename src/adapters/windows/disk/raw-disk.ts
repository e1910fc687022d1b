import type { FileHandle } from "node:fs/promises";
import { hostNotReady, wrongDevice } from "../../../core/failure/frequent-failures.ts";
import type { Result } from "../../../core/failure/result.ts";
import { ok } from "../../../core/failure/result.ts";
import { middleSamples, SAMPLE_BYTES } from "../../../core/node/device/middle-samples.ts";
import {
  FORMAT_MARK_BYTES,
  type FormatMark,
  formatMarkText,
  parseFormatMark,
} from "../../../core/node/file-system/format-mark.ts";
import { signatureOf } from "../../../core/platform/data-signature.ts";
import type { Device } from "../../../ports/host/host-provisioner.ts";
import type { WindowsHostContext } from "../windows-host-context.ts";
import { withOpenDisk } from "./open-disk.ts";

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

/** What a raw read of a disk finds. */
export interface RawContent {
  /** The parts that hold anything but zeros, in the order of the disk. */
  readonly nonZeroParts: readonly ("start" | "middle" | "end")[];
  /** The data that begins at the disk's start, such as `ext4`; undefined: none that is known. */
  readonly signature: string | undefined;
}

/**
 * Reads both ends of a disk, and where they are zeros also `samples` of what is between. After an erased
 * format the rest of that is between the ends.
 */
export async function readRawContent(
  file: FileHandle,
  device: Device,
  { samples }: { readonly samples: boolean },
): Promise<Result<RawContent>> {
  const start = await readAt(file, device, 0, END_BYTES);
  if (!start.ok) return start;
  const end = await readAt(file, device, endOffset(device), END_BYTES);
  if (!end.ok) return end;
  const ends: RawContent["nonZeroParts"] = [
    ...(holdsData(start.value) ? (["start"] as const) : []),
    ...(holdsData(end.value) ? (["end"] as const) : []),
  ];
  const signature = signatureOf(start.value);
  if (ends.length > 0 || !samples) return ok({ nonZeroParts: ends, signature });
  for (const offset of middleSamples(device.sizeBytes)) {
    const sample = await readAt(file, device, Number(offset), Number(SAMPLE_BYTES));
    if (!sample.ok) return sample;
    if (holdsData(sample.value)) return ok({ nonZeroParts: ["middle"], signature });
  }
  return ok({ nonZeroParts: [], signature });
}

/** The data that begins at the start of the driver's data partition; undefined: none that is known. */
export async function partitionSignature(
  file: FileHandle,
  device: Device,
): Promise<Result<string | undefined>> {
  const start = await readAt(file, device, DATA_PARTITION_OFFSET, END_BYTES);
  return start.ok ? ok(signatureOf(start.value)) : start;
}

/** Zeroes both ends of a disk, durably. The mark stays. */
export function zeroEnds(host: WindowsHostContext, device: Device): Promise<Result<void>> {
  return withOpenDisk(host, device, "r+", async (file) => {
    const start = await writeAt(file, device, 0, Buffer.alloc(END_BYTES));
    return start.ok ? writeAt(file, device, endOffset(device), Buffer.alloc(END_BYTES)) : start;
  });
}

/** The mark of a first format; undefined: none. Fails with `WrongDevice` where it can't be read whole. */
export function readMark(host: WindowsHostContext, device: Device): Promise<Result<FormatMark | undefined>> {
  return withOpenDisk(host, device, "r", async (file) => {
    const block = await readAt(file, device, MARK_OFFSET, FORMAT_MARK_BYTES);
    return block.ok ? ok(parseFormatMark(block.value.toString("latin1"))) : block;
  });
}

/** Writes a mark, durably; undefined erases it. */
export function writeMark(
  host: WindowsHostContext,
  device: Device,
  mark: FormatMark | undefined,
): Promise<Result<void>> {
  const block = Buffer.alloc(FORMAT_MARK_BYTES);
  if (mark !== undefined) block.write(formatMarkText(mark), "latin1");
  return writeBlock(host, device, MARK_OFFSET, block);
}

/** The UUID that the driver has given the disk's file system; empty: none. */
export async function readUuid(file: FileHandle, device: Device): Promise<Result<string>> {
  const block = await readAt(file, device, UUID_OFFSET, SECTOR_BYTES);
  if (!block.ok) return block;
  const [, uuid = ""] = block.value.toString("latin1").split("\n");
  return ok(block.value.equals(uuidBlock(uuid)) ? uuid : "");
}

/** Writes the UUID of the disk's file system, durably. */
export function writeUuid(host: WindowsHostContext, device: Device, uuid: string): Promise<Result<void>> {
  return writeBlock(host, device, UUID_OFFSET, uuidBlock(uuid));
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
async function readAt(
  file: FileHandle,
  device: Device,
  offset: number,
  lengthBytes: number,
): Promise<Result<Buffer>> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(lengthBytes), 0, lengthBytes, offset);
  const problem = `only ${bytesRead} of ${lengthBytes} bytes at offset ${offset} could be read`;
  return bytesRead < lengthBytes
    ? wrongDevice(device.path, `${problem}: look for the LUN again`)
    : ok(buffer);
}

function writeBlock(
  host: WindowsHostContext,
  device: Device,
  offset: number,
  block: Buffer,
): Promise<Result<void>> {
  return withOpenDisk(host, device, "r+", (file) => writeAt(file, device, offset, block));
}

async function writeAt(
  file: FileHandle,
  device: Device,
  offset: number,
  block: Buffer,
): Promise<Result<void>> {
  const { bytesWritten } = await file.write(block, 0, block.length, offset);
  const detail = `only ${bytesWritten} of ${block.length} bytes of ${device.path} were written`;
  if (bytesWritten < block.length) return hostNotReady(detail);
  await file.sync();
  return ok(undefined);
}
