import { dirname } from "node:path";
import type { TarEntry } from "./tar-entry.ts";

const FOLDER_MODE = 0o755;

/** `entries` sorted by path, with their parent folders added. */
export function withFolders(entries: readonly TarEntry[]): readonly TarEntry[] {
  const byPath = new Map(entries.map((entry) => [entry.path, entry]));
  for (const { path } of entries) {
    for (let folder = dirname(path); folder !== "."; folder = dirname(folder)) {
      if (!byPath.has(folder)) byPath.set(folder, { kind: "Folder", path: folder, mode: FOLDER_MODE });
    }
  }
  return [...byPath.values()].toSorted((left, right) => (left.path < right.path ? -1 : 1));
}
