import { mkdir, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { PathRefused } from "./path-refused.ts";

/**
 * Makes a folder with those above it, and does nothing where it is. Throws `PathRefused`. Node's own
 * `recursive` never returns, and takes a whole core, where a file system answers ENOENT for a folder in one
 * that is there, as /proc does.
 */
export async function makeFolder(path: string): Promise<void> {
  try {
    await make(path);
  } catch (error) {
    throw new PathRefused(path, "made", reasonOf(error), { cause: error });
  }
}

async function make(path: string): Promise<void> {
  if (await isFolder(path)) return;
  if (dirname(path) !== path) await make(dirname(path));
  try {
    await mkdir(path);
  } catch (error) {
    // Another process has made it since.
    if (codeOf(error) === "EEXIST" && (await isFolder(path))) return;
    throw error;
  }
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    if (codeOf(error) === "ENOENT") return false;
    throw error;
  }
}

function reasonOf(error: unknown): string {
  if (codeOf(error) === "ENOENT") return "its file system takes no folders";
  return error instanceof Error ? error.message : String(error);
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}
