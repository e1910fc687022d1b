import { parseArgs } from "node:util";
import { type FaultName, faultNames } from "../faults/fault-names.ts";
import { mutations } from "../mutations/mutations.ts";
import { ownStorms } from "../scenario/own-storms.ts";
import { stormNamed } from "../scenario/storm-named.ts";

/** The options of `npm run sim`. */
export interface RunOptions {
  readonly isHelp: boolean;
  readonly isJson: boolean;
  readonly isShrinking: boolean;
  /** From the first to the last, both included; undefined: random ones. */
  readonly seeds: readonly [first: number, last: number] | undefined;
  /** The number of random seeds. */
  readonly fresh: number | undefined;
  readonly minutes: number | undefined;
  readonly faults: readonly FaultName[] | undefined;
  /** `list` for their names. */
  readonly mutation: string | undefined;
  /** One of `ownStorms`, or a mutation's name: its storm, with all rules in place. */
  readonly storm: string | undefined;
  /** A file with a scenario as JSON, as `--shrink` writes it. */
  readonly scenarioFile: string | undefined;
  readonly threads: number | undefined;
  /** Whether the whole trace is printed. */
  readonly isTraced: boolean;
}

/** What `--help` prints. */
export const USAGE = `npm run sim -- --seed N           runs the scenario of one seed, the same each time
npm run sim -- --seeds A..B       runs many, over all cores
npm run sim -- --fresh N          runs so many random ones, and prints their range
npm run sim -- --minutes M        runs seeds for that long (with --seeds: at most); without: random ones
npm run sim -- --faults a,b       only these classes of faults, and each of them:
                                  ${faultNames.join(", ")}
npm run sim -- --mutate NAME      removes a safety rule from the driver; the seeds must notice, and the first
                                  that does ends the run. In its own storm, unless --faults says another.
                                  --mutate list prints the names
npm run sim -- --storm NAME       that storm, with all rules in place: every promise is kept. Or one of:
                                  ${Object.keys(ownStorms).join(", ")}
npm run sim -- --seed N --shrink  looks for a smaller scenario that fails alike, and writes it to a file
npm run sim -- --scenario FILE    runs such a file
npm run sim -- --seed N --trace   prints everything that happened
npm run sim -- --threads T        default: one a core
npm run sim -- --json             prints {"seeds", "failovers", "virtualHours", "wallSeconds", "violations"} and nothing else
npm run sim:night                 10^6 fresh seeds
npm run bench:sim                 failovers a second on one core, with a profile`;

const RANGE = /^(\d+)\.\.(\d+)$/u;

/** Reads the command line; says what is wrong with it. */
export function parseRunOptions(
  args: readonly string[],
): { readonly ok: true; readonly options: RunOptions } | { readonly ok: false; readonly reason: string } {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        help: { type: "boolean" },
        json: { type: "boolean" },
        shrink: { type: "boolean" },
        trace: { type: "boolean" },
        seed: { type: "string" },
        seeds: { type: "string" },
        fresh: { type: "string" },
        minutes: { type: "string" },
        faults: { type: "string" },
        mutate: { type: "string" },
        storm: { type: "string" },
        scenario: { type: "string" },
        threads: { type: "string" },
      },
    });
    return {
      ok: true,
      options: {
        isHelp: values.help ?? false,
        isJson: values.json ?? false,
        isShrinking: values.shrink ?? false,
        isTraced: values.trace ?? false,
        seeds: parseSeeds(values),
        fresh: values.fresh === undefined ? undefined : parseCount("--fresh", values.fresh),
        minutes: values.minutes === undefined ? undefined : parseMinutes(values.minutes),
        faults: values.faults?.split(",").map(parseFault),
        mutation:
          values.mutate === undefined || values.mutate === "list"
            ? values.mutate
            : parseMutation(values.mutate),
        storm: values.storm === undefined ? undefined : parseStorm(values.storm),
        scenarioFile: values.scenario,
        threads: values.threads === undefined ? undefined : parseCount("--threads", values.threads),
      },
    };
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError)
      return { ok: false, reason: error.message };
    throw error;
  }
}

/**
 * Exactly one way to select seeds, and a single seed for options that need one: the output must not
 * suggest that more was run.
 */
function parseSeeds({ seed, seeds, fresh, scenario, shrink }: SeedChoices): RunOptions["seeds"] {
  const named = Object.entries({ seed, seeds, fresh, scenario }).flatMap(([name, value]) =>
    value === undefined ? [] : [`--${name}`],
  );
  if (named.length > 1) throw new RangeError(`${named.join(" and ")} say twice which seeds are run`);
  if (shrink === true && seed === undefined && scenario === undefined)
    throw new RangeError("--shrink makes one scenario smaller: --seed N or --scenario FILE says which");
  if (seed !== undefined) {
    const only = parseWhole("--seed", seed, 0);
    return [only, only];
  }
  if (seeds === undefined) return undefined;
  const [, first, last] = RANGE.exec(seeds) ?? [];
  if (first === undefined || last === undefined || Number(first) > Number(last))
    throw new RangeError(`--seeds is FIRST..LAST, such as 1..1000, not ${seeds}`);
  return [Number(first), Number(last)];
}

/** The selection of seeds on the command line, as given. */
interface SeedChoices {
  readonly seed?: string | undefined;
  readonly seeds?: string | undefined;
  readonly fresh?: string | undefined;
  readonly scenario?: string | undefined;
  readonly shrink?: boolean | undefined;
}

/** An empty run would keep every promise. */
function parseCount(name: string, text: string): number {
  return parseWhole(name, text, 1);
}

function parseWhole(name: string, text: string, least: number): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isSafeInteger(value) || value < least)
    throw new RangeError(`${name} is a whole number from ${least} on, not ${text}`);
  return value;
}

function parseMinutes(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value) || value <= 0)
    throw new RangeError(`--minutes is a number above 0, not ${text}`);
  return value;
}

function parseMutation(text: string): string {
  if (!mutations.some(({ name }) => name === text))
    throw new RangeError(
      `there is no safety rule ${text} to remove: ${mutations.map(({ name }) => name).join(", ")}`,
    );
  return text;
}

function parseStorm(text: string): string {
  stormNamed(text);
  return text;
}

function parseFault(text: string): FaultName {
  const name = faultNames.find((known) => known === text);
  if (name === undefined)
    throw new RangeError(`there is no class of faults ${text}: ${faultNames.join(", ")}`);
  return name;
}
