import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join, posix } from "node:path";
import { parseSource } from "./syntax-tree.ts";

/** Which files of the project load which others. All paths are relative to the project. */
export interface ImportGraph {
  /** The files that a file loads directly or indirectly, and how many imports lie between; 0 for itself. */
  distancesFrom(file: string): Promise<ReadonlyMap<string, number>>;
  /** A hash of the contents of these files and of everything that they load. */
  hashOf(files: readonly string[]): Promise<string>;
}

interface LoadedFile {
  readonly source: string;
  readonly imports: readonly string[];
}

/** Reads each file once. Dynamic and type-only imports do not count. */
export function createImportGraph(root: string): ImportGraph {
  const loaded = new Map<string, Promise<LoadedFile>>();
  const load = (file: string): Promise<LoadedFile> => {
    const present = loaded.get(file) ?? readImports(root, file);
    loaded.set(file, present);
    return present;
  };
  const distancesFrom = async (file: string): Promise<ReadonlyMap<string, number>> => {
    const distances = new Map([[file, 0]]);
    // A map is iterated in the order of insertion: the nearest files come first.
    for (const [present, distance] of distances) {
      for (const next of (await load(present)).imports) {
        if (!distances.has(next)) distances.set(next, distance + 1);
      }
    }
    return distances;
  };
  return {
    distancesFrom,
    hashOf: async (files) => {
      const all = new Set<string>();
      for (const file of files) for (const name of (await distancesFrom(file)).keys()) all.add(name);
      const hash = createHash("sha256");
      for (const name of [...all].toSorted()) hash.update(`${name}\n${(await load(name)).source}\n`);
      return hash.digest("hex");
    },
  };
}

async function readImports(root: string, file: string): Promise<LoadedFile> {
  const source = await readFile(join(root, file), "utf8");
  const imports = parseSource(file, source)
    .imports.filter(
      ({ specifier, isTypeOnly }) => !isTypeOnly && specifier.startsWith(".") && specifier.endsWith(".ts"),
    )
    .map(({ specifier }) => posix.join(posix.dirname(file), specifier));
  return { source, imports: [...new Set(imports)] };
}
