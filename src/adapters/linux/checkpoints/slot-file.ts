import { basename, dirname, join } from "node:path";
import { errorCode } from "../../../core/primitives/error-code.ts";
import type { CheckpointDisk } from "./checkpoint-disk.ts";

/** What pads a slot: a person who reads it sees the text alone. */
const PAD = "\n";

/**
 * A file of a fixed size that is overwritten in place: a file system that is full still takes that. A write
 * that is interrupted damages it, so its owner has two.
 */
export interface SlotFile {
  /**
   * Makes it at least that large, durably, on blocks of its own; one that there is not gets `content`, whole
   * or not at all. Rejects with the error of the file system, and leaves it as it was.
   */
  readonly reserve: (sizeBytes: number, content: Buffer) => Promise<void>;
  /** Overwrites it with `content`, which fits, durably. Once it rejects, the slot may be damaged. */
  readonly overwrite: (content: Buffer) => Promise<void>;
}

/** The slot at `path`, of `foundBytes`; 0: there is none yet, and what else is there is replaced. */
export function createSlotFile(disk: CheckpointDisk, path: string, foundBytes: number): SlotFile {
  let size = foundBytes;
  /** Behind this there is nothing but padding. */
  let usedBytes = foundBytes;
  return {
    reserve: async (sizeBytes, content) => {
      if (size >= sizeBytes) return;
      if (size === 0) {
        await createWhole(disk, path, padded(content, sizeBytes));
        usedBytes = content.length;
      } else await extend(disk, path, size, sizeBytes);
      // Of a longer content nothing may be cut off when it can't grow later.
      size = Math.max(sizeBytes, usedBytes);
    },
    overwrite: async (content) => {
      const written = padded(content, usedBytes);
      usedBytes = written.length;
      const file = await disk.open(path, "r+").catch((error: unknown) => {
        // A person has removed it: the next change makes it again.
        if (errorCode(error) === "ENOENT") size = 0;
        throw error;
      });
      try {
        await file.writeFile(written);
        await file.datasync();
      } finally {
        await file.close();
      }
      usedBytes = content.length;
    },
  };
}

/**
 * Makes the names in a folder durable, on a disk that opens folders. Elsewhere each file's name is durable
 * with the file's next sync.
 */
export async function syncFolder(disk: CheckpointDisk, folder: string): Promise<void> {
  if (disk.opensFolders) await syncAt(disk, folder, "r");
}

/**
 * Makes a new name of a file durable. Windows: a rename may return before it is on the disk
 * (`MOVEFILE_WRITE_THROUGH`, which Node does not set), and NTFS writes its journal up to the file's last
 * record when the file is flushed, which needs a handle that writes.
 * https://learn.microsoft.com/windows/win32/api/winbase/nf-winbase-movefileexw
 */
async function syncName(disk: CheckpointDisk, path: string): Promise<void> {
  if (disk.opensFolders) await syncAt(disk, dirname(path), "r");
  else await syncAt(disk, path, "r+");
}

async function syncAt(disk: CheckpointDisk, path: string, flags: "r" | "r+"): Promise<void> {
  const opened = await disk.open(path, flags);
  try {
    await opened.sync();
  } finally {
    await opened.close();
  }
}

function padded(content: Buffer, sizeBytes: number): Buffer {
  return Buffer.concat([content, Buffer.alloc(Math.max(0, sizeBytes - content.length), PAD)]);
}

/** After a crash at any moment there is the whole file, or what was there; after the return the file. */
async function createWhole(disk: CheckpointDisk, path: string, bytes: Buffer): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.new`);
  try {
    const file = await disk.open(temporary, "w", 0o600);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await disk.rename(temporary, path);
  } catch (error) {
    // On a full file system even a part of it is in the way.
    await disk.rm(temporary);
    throw error;
  }
  await syncName(disk, path);
}

/** Writes the new blocks, since a hole would take space with a later write only. */
async function extend(disk: CheckpointDisk, path: string, fromBytes: number, toBytes: number): Promise<void> {
  const file = await disk.open(path, "a");
  try {
    try {
      await file.writeFile(Buffer.alloc(toBytes - fromBytes, PAD));
      await file.sync();
    } catch (error) {
      await file.truncate(fromBytes);
      throw error;
    }
  } finally {
    await file.close();
  }
}
