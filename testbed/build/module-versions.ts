import { readFile } from "node:fs/promises";
import { join } from "node:path";

const REQUIREMENT = /^(?:require\s+)?\s*([^\s()]+\.[^\s()]+)\s+(v\d\S*)(?:\s+\/\/ indirect)?$/u;

/** Returns the version of a module that a go.mod requires. */
export type VersionOf = (modulePath: string) => string;

/** The requirements of the go.mod in `folder`. The result throws for a module that is not required. */
export async function readModuleVersions(folder: string): Promise<VersionOf> {
  const versions = requiredVersions(await readFile(join(folder, "go.mod"), "utf8"));
  return (modulePath) => {
    const version = versions.get(modulePath);
    if (version === undefined) throw new Error(`${join(folder, "go.mod")} does not require ${modulePath}`);
    return version;
  };
}

/** The version of each module that a go.mod requires, by the module's path. Replacements are ignored. */
export function requiredVersions(goMod: string): ReadonlyMap<string, string> {
  const matches = goMod.split("\n").map((line) => REQUIREMENT.exec(line));
  return new Map(
    matches.flatMap((match) =>
      match?.[1] === undefined || match[2] === undefined ? [] : [[match[1], match[2]] as const],
    ),
  );
}
