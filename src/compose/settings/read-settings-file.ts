import { readFile } from "node:fs/promises";
import type { SettingsFile } from "../../cli/read-command-line.ts";
import { isRecord } from "../../core/primitives/is-record.ts";

/**
 * Reads a YAML settings file. Throws with a sentence if it can't be read, or is no mapping. The parser is
 * loaded only here, since most processes have all settings as flags.
 */
export async function readSettingsFile(path: string): Promise<SettingsFile> {
  const text = await readFile(path, "utf8");
  const { parse } = await import("../../adapters/yaml/parse-yaml.ts");
  const parsed: unknown = parse(text) ?? {};
  if (!isRecord(parsed)) throw new Error("must be a mapping of settings to values");
  if ("config" in parsed) throw new Error("has the setting config itself: settings are in one file");
  return { path, settings: parsed };
}
