import { mkdir, stat, statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { errorCode, undefinedIfMissing } from "../../core/primitives/error-code.ts";

/**
 * Makes a folder with those above it, and does nothing where it is. Node's own `recursive` never returns, and
 * takes a whole core, where a file system answers ENOENT for a folder in one that is there, as /proc does
 * (libuv takes the one above for missing and tries again). Throws the error of the file system; a path
 * through a file fails with ENOTDIR or EEXIST.
 */
export async function makeFolder(path: string, mode: number): Promise<void> {
  if (await isFolder(path)) return;
  if (dirname(path) !== path) await makeFolder(dirname(path), mode);
  try {
    await mkdir(path, { mode });
  } catch (error) {
    const code = errorCode(error);
    // Another process has made it since.
    if (code === "EEXIST" && (await isFolder(path))) return;
    if (code !== "ENOENT") throw error;
    const why = `the file system of ${dirname(path)} takes no folders: name one on a disk of this machine`;
    throw new Error(`${path} can't be made; ${why}`, { cause: error });
  }
}

async function isFolder(path: string): Promise<boolean> {
  const found = await stat(path).catch(undefinedIfMissing);
  return found?.isDirectory() === true;
}

/** The number by which statfs(2) knows a tmpfs. */
const TMPFS = 0x01021994;

/** Whether a folder is one in memory. */
export async function isFolderInMemory(path: string): Promise<boolean> {
  return (await statfs(path).catch(undefinedIfMissing))?.type === TMPFS;
}
