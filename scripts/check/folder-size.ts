import { dirname } from "node:path";

/** More than a newcomer can survey at a glance: a larger folder has parts with names of their own. */
const SOURCES_MAX = 15;
const SOURCE = /(?<!\.test)\.ts$/u;
const GENERATED = /\/gen\//u;

/**
 * Folders with more source files directly in them than they may have, a line each. `paths` are relative to
 * the project. Tests stand beside what they test and are not counted, nor is generated code.
 */
export function findFullFolders(paths: readonly string[]): readonly string[] {
  const sources = new Map<string, number>();
  for (const path of paths)
    if (SOURCE.test(path) && !GENERATED.test(path))
      sources.set(dirname(path), (sources.get(dirname(path)) ?? 0) + 1);
  return [...sources]
    .filter(([, count]) => count > SOURCES_MAX)
    .map(
      ([folder, count]) => `${folder}: ${count} source files, at most ${SOURCES_MAX}: give a part a folder`,
    );
}
