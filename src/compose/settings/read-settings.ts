import { readFile } from "node:fs/promises";
import type { Options, Values } from "../../cli/options.ts";
import {
  type CommandLine,
  completeCommandLine,
  type ReadFlags,
  readFlags,
  refusal,
  type SettingsFile,
} from "../../cli/read-command-line.ts";
import { messageOf } from "../../core/failure/message-of.ts";
import { isRecord } from "../../core/primitives/is-record.ts";
import { variablesOfV1, whyFlagOfV1IsUnknown } from "./flags-of-v1.ts";

export interface RoleSettings<T extends Options> {
  readonly name: string;
  /** The forms of a call, and what the role does. */
  readonly usage: string;
  readonly options: T;
  /** Whether it takes words besides flags. */
  readonly words?: "any";
  /**
   * What is wrong with settings that are right one by one, or with files that they name: sentences that begin
   * with a flag. Asked before the role connects to anything, listens, or waits.
   */
  problems?(values: Values<T>): Promise<readonly string[]>;
}

const configOption = {
  config: { kind: "text", help: "YAML file with the same settings; flags win over it" },
} as const satisfies Options;

/** Reads a role's settings from its flags and, with `--config`, a YAML file. */
export async function readSettings<const T extends Options>(
  role: RoleSettings<T>,
  argv: readonly string[],
): Promise<CommandLine<T>> {
  const program = {
    name: `azuredisk-csi-driver ${role.name}`,
    usage: `${role.usage}\n\nSettings are flags, or the same names in the YAML file of --config.`,
    options: { ...role.options, ...configOption },
    ...(role.words === undefined ? {} : { words: role.words }),
    whyUnknown: whyFlagOfV1IsUnknown,
  };
  const flags = readFlags(program, argv);
  let file: SettingsFile | undefined;
  try {
    file = await namedFile(flags);
  } catch (error) {
    const path = flags.given.get("config")?.texts.at(-1);
    return refusal(program.name, [`--config: got ${JSON.stringify(path)}; ${messageOf(error)}`]);
  }
  const command: CommandLine<T> = completeCommandLine(program, flags, file);
  if (command.kind !== "Run") return command;
  const problems = [...variablesOfV1(process.env), ...((await role.problems?.(command.values)) ?? [])];
  return problems.length > 0 ? refusal(program.name, problems) : command;
}

async function namedFile({ given }: ReadFlags): Promise<SettingsFile | undefined> {
  const path = given.get("config")?.texts.at(-1);
  return path === undefined || given.has("help") || given.has("version") ? undefined : readSettingsFile(path);
}

/**
 * Reads a YAML settings file. Throws with a sentence if it can't be read, or is no mapping. The parser is
 * loaded only here, since most processes have all settings as flags.
 */
async function readSettingsFile(path: string): Promise<SettingsFile> {
  const text = await readFile(path, "utf8");
  const { parse } = await import("../../adapters/yaml/parse-yaml.ts");
  const parsed: unknown = parse(text) ?? {};
  if (!isRecord(parsed)) throw new Error("must be a mapping of settings to values");
  if ("config" in parsed) throw new Error("has the setting config itself: settings are in one file");
  return { path, settings: parsed };
}
