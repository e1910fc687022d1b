import { readFile } from "node:fs/promises";
import { fail, ok } from "../../core/failure/result.ts";
import type { ReadSettingsFile } from "./options.ts";

/**
 * Reads a YAML settings file. The parser is loaded only here, since most processes have all settings as
 * flags.
 */
export const readSettingsFile: ReadSettingsFile = async (path) => {
  try {
    const text = await readFile(path, "utf8");
    const { parse } = await import("../../adapters/yaml/parse-yaml.ts");
    const parsed: unknown = parse(text) ?? {};
    if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed))
      return fail(`${path}: must be a mapping of settings to values`);
    return ok({ ...parsed });
  } catch (error) {
    return fail(`${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
};
