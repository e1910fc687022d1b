import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { constants, copyFile, readdir, rename, rm, stat, truncate, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { attempt } from "./attempt.ts";

/** On a file system without reflinks, a copy moves every byte that was ever written to the disk. */
const COPY_TIMEOUT_MS = 600_000;

const DISK_SUFFIX = ".disk";
const UNFINISHED_SUFFIX = ".unfinished";
const NAME_CHARACTERS_MAX = 80;
const HASH_CHARACTERS = 16;

/** The sparse files that hold the disks' bytes. */
export interface DiskFiles {
  pathOf(diskId: string): string;
  /** Makes an empty file; replaces an existing one. */
  create(diskId: string, sizeBytes: bigint): Promise<void>;
  /** Grows a file. Rejects if it is larger already. */
  grow(diskId: string, sizeBytes: bigint): Promise<void>;
  /**
   * Copies the source's content, on Linux holes as holes. Atomic only where the file system has reflinks:
   * elsewhere a source in use is copied while it changes.
   */
  copy(sourceId: string, diskId: string, sizeBytes: bigint): Promise<void>;
  remove(diskId: string): Promise<void>;
  /** Removes the files of interrupted creations and copies. */
  removeUnfinished(): Promise<void>;
  removeAll(): Promise<void>;
}

/** Copies a file's bytes to a path where there is no file. */
type CopyBytes = (from: string, to: string) => Promise<void>;

/** By the program of GNU coreutils: Node has no function that finds holes. */
async function copyHoles(from: string, to: string): Promise<void> {
  await promisify(execFile)("cp", ["--reflink=auto", "--sparse=always", "--", from, to], {
    timeout: COPY_TIMEOUT_MS,
  });
}

/** Other systems have no such program. Where the file system can, the copy shares the bytes. */
export async function copyWhole(from: string, to: string): Promise<void> {
  await copyFile(from, to, constants.COPYFILE_FICLONE);
}

/**
 * Disk files in one directory, named by the disk's name (for readers of `losetup -a`) and a hash of its ARM
 * id.
 */
export function diskFiles(
  directory: string,
  copyBytes: CopyBytes = process.platform === "linux" ? copyHoles : copyWhole,
): DiskFiles {
  function pathOf(diskId: string): string {
    const name = basename(diskId)
      .replaceAll(/[^\w.-]/g, "_")
      .slice(0, NAME_CHARACTERS_MAX);
    const hash = createHash("sha256").update(diskId.toLowerCase()).digest("hex").slice(0, HASH_CHARACTERS);
    return join(directory, `${name.toLowerCase()}-${hash}${DISK_SUFFIX}`);
  }

  /**
   * A file under its final name is complete. A new one never shares its inode with a file that a stale
   * device still holds.
   */
  async function publish(path: string, fill: (unfinishedPath: string) => Promise<void>): Promise<void> {
    const unfinishedPath = `${path}${UNFINISHED_SUFFIX}`;
    await fill(unfinishedPath);
    await rename(unfinishedPath, path);
  }

  async function create(diskId: string, sizeBytes: bigint): Promise<void> {
    const path = pathOf(diskId);
    await attempt(`create ${path} of ${sizeBytes} bytes for ${diskId}`, () =>
      publish(path, async (unfinishedPath) => {
        await writeFile(unfinishedPath, "");
        await truncate(unfinishedPath, Number(sizeBytes));
      }),
    );
  }

  async function grow(diskId: string, sizeBytes: bigint): Promise<void> {
    const path = pathOf(diskId);
    await attempt(`grow ${path} to ${sizeBytes} bytes for ${diskId}`, async () => {
      const present = (await stat(path, { bigint: true })).size;
      if (present > sizeBytes) throw new Error(`it has ${present} bytes, and disks only grow`);
      await truncate(path, Number(sizeBytes));
    });
  }

  async function copy(sourceId: string, diskId: string, sizeBytes: bigint): Promise<void> {
    const [sourcePath, path] = [pathOf(sourceId), pathOf(diskId)];
    await attempt(`copy ${sourcePath} to ${path} of ${sizeBytes} bytes for ${diskId}`, async () => {
      const present = (await stat(sourcePath, { bigint: true })).size;
      if (present > sizeBytes)
        throw new Error(`the source has ${present} bytes, and a copy cannot be smaller`);
      await publish(path, async (unfinishedPath) => {
        await copyBytes(sourcePath, unfinishedPath);
        await truncate(unfinishedPath, Number(sizeBytes));
      });
    });
  }

  async function removeWithSuffix(suffix: string): Promise<void> {
    const names = (await readdir(directory)).filter((name) => name.endsWith(suffix));
    await Promise.all(names.map((name) => rm(join(directory, name), { force: true })));
  }

  return {
    pathOf,
    create,
    grow,
    copy,
    remove: (diskId) =>
      attempt(`remove ${pathOf(diskId)} of ${diskId}`, () => rm(pathOf(diskId), { force: true })),
    removeUnfinished: () =>
      attempt(`remove unfinished files in ${directory}`, () =>
        removeWithSuffix(`${DISK_SUFFIX}${UNFINISHED_SUFFIX}`),
      ),
    removeAll: () => attempt(`remove the disk files in ${directory}`, () => removeWithSuffix(DISK_SUFFIX)),
  };
}
