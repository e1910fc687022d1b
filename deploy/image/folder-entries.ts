import type { BigIntStats } from "node:fs";
import { lstat, readdir, readlink } from "node:fs/promises";
import { join } from "node:path";
import type { TarEntry } from "./tar-entry.ts";

const PERMISSION_BITS = 0o7777n;

/**
 * Everything in a folder as a layer of an image, sorted by path, with modes, owners and hard links as on
 * disk. Extended attributes are left out. Throws at a device, socket or pipe: the container runtime makes
 * those.
 */
export async function folderEntries(folder: string): Promise<readonly TarEntry[]> {
  const paths = (await pathsIn(folder, "")).toSorted();
  const firstNames = new Map<string, string>();
  const entries: TarEntry[] = [];
  for (const path of paths) entries.push(await entryOf(folder, path, firstNames));
  return entries;
}

/**
 * The paths below a folder. A symbolic link is an entry, also one to a folder; `readdir` with `recursive`
 * would follow it.
 */
async function pathsIn(folder: string, under: string): Promise<readonly string[]> {
  const listed = await readdir(join(folder, under), { withFileTypes: true });
  const paths = await Promise.all(
    listed.map(async (entry) => {
      const path = join(under, entry.name);
      return entry.isDirectory() ? [path, ...(await pathsIn(folder, path))] : [path];
    }),
  );
  return paths.flat();
}

async function entryOf(folder: string, path: string, firstNames: Map<string, string>): Promise<TarEntry> {
  const source = join(folder, path);
  const stats = await lstat(source, { bigint: true });
  const owned = { path, uid: Number(stats.uid), gid: Number(stats.gid) };
  const mode = Number(stats.mode & PERMISSION_BITS);
  if (stats.isDirectory()) return { kind: "Folder", ...owned, mode };
  if (stats.isSymbolicLink()) return { kind: "SymbolicLink", ...owned, target: await readlink(source) };
  if (!stats.isFile())
    throw new Error(`${source} can't go into an image: it is neither file, folder nor link`);

  const target = firstNames.get(identity(stats));
  if (target !== undefined) return { kind: "HardLink", ...owned, target };
  firstNames.set(identity(stats), path);
  return {
    kind: "File",
    ...owned,
    mode,
    content: { kind: "Disk", path: source, sizeBytes: Number(stats.size) },
  };
}

function identity(stats: BigIntStats): string {
  return `${stats.dev}:${stats.ino}`;
}
