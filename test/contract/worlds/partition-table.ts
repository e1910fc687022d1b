import { open } from "node:fs/promises";

const SECTOR_BYTES = 512;
const LINUX = 0x83;
/** Where the first entry of a DOS partition table begins, and what ends the table. */
const ENTRY_AT = 446;
const SIGNATURE = 0xaa55;

/** Writes a DOS partition table with one partition of Linux, as fdisk would. In sectors of 512 bytes. */
export async function writePartitionTable(
  devicePath: string,
  { start, size }: { readonly start: number; readonly size: number },
): Promise<void> {
  const table = Buffer.alloc(SECTOR_BYTES);
  table.writeUInt8(LINUX, ENTRY_AT + 4);
  table.writeUInt32LE(start, ENTRY_AT + 8);
  table.writeUInt32LE(size, ENTRY_AT + 12);
  table.writeUInt16LE(SIGNATURE, SECTOR_BYTES - 2);
  const file = await open(devicePath, "r+");
  try {
    await file.write(table, 0, table.length, 0);
    await file.sync();
  } finally {
    await file.close();
  }
}
