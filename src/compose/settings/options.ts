import { parseArgs } from "node:util";
import { fail, ok, type Result } from "../../core/failure/result.ts";
import { closestName } from "../../core/primitives/closest-name.ts";

/** One setting of a role: a flag, and the same name in a settings file. */
export type Option =
  | { readonly kind: "text"; readonly help: string; readonly default?: string; readonly required?: true }
  | { readonly kind: "list"; readonly help: string; readonly default: readonly string[] }
  | {
      readonly kind: "number";
      readonly help: string;
      readonly default: number;
      readonly min: number;
      readonly max: number;
    }
  | {
      readonly kind: "choice";
      readonly help: string;
      readonly default: string;
      readonly choices: readonly string[];
    }
  | { readonly kind: "flag"; readonly help: string };

/** The settings of a role, by the names of their flags without the dashes. */
export type Options = Readonly<Record<string, Option>>;

/** The value that a setting becomes. */
type ValueOf<O extends Option> = O extends { readonly kind: "text"; readonly required: true }
  ? string
  : O extends { readonly kind: "text"; readonly default: string }
    ? string
    : O extends { readonly kind: "text" }
      ? string | undefined
      : O extends { readonly kind: "list" }
        ? readonly string[]
        : O extends { readonly kind: "number" }
          ? number
          : O extends { readonly kind: "choice"; readonly choices: readonly (infer C)[] }
            ? C
            : boolean;

/** The settings of a role as it runs with them. */
export type Values<T extends Options> = { readonly [K in keyof T]: ValueOf<T[K]> };

/** Reads a settings file's text; a port, so that YAML is loaded only if a file is given. */
export type ReadSettingsFile = (path: string) => Promise<Result<Readonly<Record<string, unknown>>, string>>;

/** Flags that every role has. */
const commonHelp: Options = {
  config: { kind: "text", help: "YAML file with the same settings; flags win over it" },
  help: { kind: "flag", help: "Print this and exit" },
};

/**
 * Reads a role's settings from its flags and, with `--config`, a YAML file. The failure is a sentence
 * that names the setting, the value and what is allowed.
 */
export async function readOptions<const T extends Options>(
  options: T,
  argv: readonly string[],
  readFile: ReadSettingsFile,
): Promise<Result<Values<T> | "help", string>> {
  const known: Options = { ...options, ...commonHelp };
  const flags = parseFlags(known, argv);
  if (!flags.ok) return flags;
  if (flags.value["help"] !== undefined) return ok("help");
  const path = flags.value["config"]?.at(-1);
  const file = path === undefined ? ok({}) : await readFile(path);
  if (!file.ok) return file;
  const values: Record<string, unknown> = {};
  for (const name of Object.keys(file.value)) {
    if (!(name in options)) return fail(`${path ?? ""}: ${unknownName(name, known)}`);
  }
  for (const [name, option] of Object.entries(options)) {
    const given = flags.value[name] ?? fromFile(file.value, name);
    const value = readValue(name, option, given);
    if (!value.ok) return value;
    values[name] = value.value;
  }
  return ok(values as Values<T>);
}

/** The text of `--help`. */
export function helpText(usage: string, options: Options): string {
  const lines = Object.entries({ ...options, ...commonHelp }).map(
    ([name, option]) => `  --${name}${placeholder(option)}\n      ${option.help}${defaultText(option)}`,
  );
  return `${usage}\n\nSettings (flags, or the same names in the YAML file of --config):\n${lines.join("\n")}\n`;
}

function parseFlags(
  options: Options,
  argv: readonly string[],
): Result<Readonly<Record<string, readonly string[] | undefined>>, string> {
  const config = Object.fromEntries(
    Object.entries(options).map(([name, option]) => [
      name,
      option.kind === "flag" ? ({ type: "boolean" } as const) : ({ type: "string", multiple: true } as const),
    ]),
  );
  const { values, positionals, tokens } = parseArgs({
    args: [...argv],
    options: config,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  for (const token of tokens) {
    if (token.kind !== "option") continue;
    const option = options[token.name];
    if (option === undefined) return fail(unknownName(token.name, options));
    if (option.kind !== "flag" && token.value === undefined) return fail(`--${token.name} needs a value`);
    if (option.kind === "flag" && token.value !== undefined) return fail(`--${token.name} takes no value`);
  }
  if (positionals.length > 0) return fail(`unexpected argument ${JSON.stringify(positionals[0])}`);
  return ok(
    Object.fromEntries(
      Object.entries(values).map(([name, value]) => [
        name,
        Array.isArray(value) ? value.map(String) : [String(value)],
      ]),
    ),
  );
}

function unknownName(name: string, options: Options): string {
  const meant = closestName(name, Object.keys(options));
  return `there is no setting ${name}${meant === undefined ? "" : `; did you mean ${meant}?`} --help lists them`;
}

function fromFile(file: Readonly<Record<string, unknown>>, name: string): readonly string[] | undefined {
  const value = file[name];
  if (value === undefined || value === null) return undefined;
  return Array.isArray(value) ? value.map((item) => textOf(item)) : [textOf(value)];
}

/**
 * A scalar of the file as a flag would give it; anything else as JSON, for the sentence that refuses
 * it.
 */
function textOf(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function readValue(
  name: string,
  option: Option,
  given: readonly string[] | undefined,
): Result<unknown, string> {
  const last = given?.at(-1);
  switch (option.kind) {
    case "text":
      if (last === undefined && option.required === true)
        return fail(`--${name} must be given: ${option.help}`);
      return ok(last ?? option.default);
    case "list":
      return ok(
        given?.flatMap((value) => value.split(",")).filter((value) => value !== "") ?? option.default,
      );
    case "number": {
      if (last === undefined) return ok(option.default);
      const value = Number(last);
      return last.trim() !== "" && Number.isFinite(value) && value >= option.min && value <= option.max
        ? ok(value)
        : fail(`--${name} is ${JSON.stringify(last)}: must be a number from ${option.min} to ${option.max}`);
    }
    case "choice":
      if (last === undefined) return ok(option.default);
      return option.choices.includes(last)
        ? ok(last)
        : fail(`--${name} is ${JSON.stringify(last)}: must be one of ${option.choices.join(", ")}`);
    case "flag":
      return last === undefined || last === "true" || last === "false"
        ? ok(last === "true")
        : fail(`--${name} is ${JSON.stringify(last)}: must be true or false`);
  }
}

function placeholder(option: Option): string {
  if (option.kind === "flag") return "";
  return option.kind === "choice" ? ` <${option.choices.join("|")}>` : ` <${option.kind}>`;
}

function defaultText(option: Option): string {
  if (option.kind === "flag") return "";
  if (option.kind === "number") return ` (default ${option.default}; ${option.min} to ${option.max})`;
  if (option.kind === "text" && option.required === true) return " (must be given)";
  return option.default === undefined || option.default.length === 0
    ? ""
    : ` (default ${String(option.default)})`;
}
