import { parseArgs } from "node:util";
import { helpText } from "./help-text.ts";
import type { Options, Values } from "./options.ts";
import { expectation, type GivenValue, type GivenValues, readValues, suggestion } from "./read-values.ts";
import { driverVersion } from "./version.ts";

/** A program, or one role of it, as its command line presents it. */
export interface Program<T extends Options> {
  /** How it is called, such as `npm run demo`: messages begin with it. */
  readonly name: string;
  /** The head of `--help`: the forms of a call, and what the program does. */
  readonly usage: string;
  readonly options: T;
  /** What is said of a flag that this program does not have, but one like it; undefined: nothing. */
  readonly whyUnknown?: (name: string) => string | undefined;
  /** What may be given besides flags: any words, or only these. Nothing without it. */
  readonly words?: "any" | readonly string[];
  /** What is wrong with values that are right one by one: sentences that begin with a flag. */
  problems?(values: Values<T>, words: readonly string[]): readonly string[];
}

export type CommandLine<T extends Options> =
  | { readonly kind: "Run"; readonly values: Values<T>; readonly words: readonly string[] }
  | NoRun;

/** Help or version for the standard output, or what is wrong with a command line for the standard error. */
export type NoRun =
  | { readonly kind: "Print"; readonly text: string }
  | { readonly kind: "Refuse"; readonly text: string; readonly problems: readonly string[] };

export interface SettingsFile {
  readonly path: string;
  readonly settings: Readonly<Record<string, unknown>>;
}

const EXIT_USAGE = 2;

const standardOptions = {
  help: { kind: "flag", help: "Print this and exit" },
  version: { kind: "flag", help: "Print the version and exit" },
} as const satisfies Options;

/**
 * Reads a command line: flags, and words where the program takes some. `--help` and `--version` win over
 * whatever else is wrong; all that is wrong is reported at once.
 */
export function readCommandLine<const T extends Options>(
  program: Program<T>,
  argv: readonly string[],
): CommandLine<T> {
  return completeCommandLine(program, readFlags(program, argv));
}

/** The same from flags that have been read; `file` gives values to flags that are not given. */
export function completeCommandLine<const T extends Options>(
  program: Program<T>,
  flags: ReadFlags,
  file?: SettingsFile,
): CommandLine<T> {
  const { options, usage, name } = program;
  if (flags.given.has("help"))
    return { kind: "Print", text: helpText(usage, { ...options, ...standardOptions }) };
  if (flags.given.has("version")) return { kind: "Print", text: `${name} ${driverVersion}\n` };
  const settings = file === undefined ? NOTHING : readSettings(program, file);
  const { values, problems } = readValues(options, new Map([...settings.given, ...flags.given]));
  // A word after an unknown flag may be its value.
  const words = flags.problems.length > 0 ? [] : wordProblems(program, flags.words);
  const wrong = [...flags.problems, ...words, ...settings.problems, ...problems];
  const all = wrong.length > 0 ? wrong : (program.problems?.(values, flags.words) ?? []);
  return all.length > 0 ? refusal(name, all) : { kind: "Run", values, words: flags.words };
}

export function refusal(name: string, problems: readonly string[]): NoRun {
  const lines = problems.map((problem) => `${name}: ${problem}\n`).join("");
  const help = `${name}${name.startsWith("npm ") ? " --" : ""} --help`;
  return { kind: "Refuse", text: `${lines}Try ${help}.\n`, problems };
}

/** Prints what a command line asks for instead of a run, or why there is none; returns the exit code. */
export function answerNoRun(command: NoRun): number {
  (command.kind === "Print" ? process.stdout : process.stderr).write(command.text);
  return command.kind === "Print" ? 0 : EXIT_USAGE;
}

export interface ReadFlags {
  readonly given: GivenValues;
  readonly words: readonly string[];
  readonly problems: readonly string[];
}

type KnownFlags = Pick<Program<Options>, "options" | "whyUnknown">;

const NOTHING: ReadFlags = { given: new Map(), words: [], problems: [] };

/** Reads the flags of a command line, and those of every program; their values are not looked at yet. */
export function readFlags(program: KnownFlags, argv: readonly string[]): ReadFlags {
  const known: Options = { ...program.options, ...standardOptions };
  const given = new Map<string, GivenValue>();
  const words: string[] = [];
  const problems: string[] = [];
  const { tokens } = parseArgs({
    args: [...argv],
    options: parserOptions(known),
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  for (const token of tokens) {
    if (token.kind === "positional") words.push(token.value);
    if (token.kind !== "option") continue;
    const option = Object.hasOwn(known, token.name) ? known[token.name] : undefined;
    const label = `--${token.name}`;
    const value = option?.kind === "flag" ? (token.value ?? "true") : token.value;
    if (option === undefined) problems.push(unknownFlag(program, token.rawName, known));
    // A flag that follows is no value of this one.
    else if (value === undefined || (token.inlineValue === false && value.startsWith("--")))
      problems.push(`${label}: got no value; expected ${expectation(option)}`);
    else given.set(token.name, { label, texts: [...(given.get(token.name)?.texts ?? []), value] });
  }
  return { given, words, problems };
}

function parserOptions(known: Options): NonNullable<Parameters<typeof parseArgs>[0]>["options"] {
  return Object.fromEntries(
    Object.entries(known).map(([name, option]) => [
      name,
      {
        type: option.kind === "flag" ? ("boolean" as const) : ("string" as const),
        ...(name === "help" ? { short: "h" } : {}),
      },
    ]),
  );
}

function unknownFlag({ whyUnknown }: KnownFlags, rawName: string, known: Options): string {
  const name = rawName.replace(/^-+/u, "");
  const why = whyUnknown?.(name);
  return `${rawName}: ${why ?? `unknown flag${suggestion(name, Object.keys(known), "--")}`}`;
}

function wordProblems(
  { words }: Pick<Program<Options>, "words">,
  given: readonly string[],
): readonly string[] {
  if (words === "any") return [];
  if (words === undefined)
    return given.map((word) => `${JSON.stringify(word)}: unexpected argument; settings are flags`);
  return given
    .filter((word) => !words.includes(word))
    .map(
      (word) => `got ${JSON.stringify(word)}; expected some of ${words.join(", ")}${suggestion(word, words)}`,
    );
}

function readSettings({ options, whyUnknown }: KnownFlags, { path, settings }: SettingsFile): ReadFlags {
  const given = new Map<string, GivenValue>();
  const problems: string[] = [];
  for (const [name, value] of Object.entries(settings)) {
    const label = `--${name} (${path})`;
    const option = Object.hasOwn(options, name) ? options[name] : undefined;
    if (option === undefined)
      problems.push(
        `${label}: ${whyUnknown?.(name) ?? `unknown setting${suggestion(name, Object.keys(options), "--")}`}`,
      );
    else if (value !== undefined && value !== null) {
      const items: readonly unknown[] = Array.isArray(value) ? value : [value];
      const wrong = items.find((item) => typeof item === "object");
      if (wrong === undefined) given.set(name, { label, texts: items.map(textOf) });
      else problems.push(`${label}: got ${JSON.stringify(wrong)}; expected ${expectation(option)}`);
    }
  }
  return { given, words: [], problems };
}

/** A scalar of the file as a flag would give it. */
function textOf(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
