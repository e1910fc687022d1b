import { fileProblem } from "../../scripts/file-problem.ts";
import { grouped, type Values } from "../../src/cli/options.ts";
import { type NoRun, readCommandLine } from "../../src/cli/read-command-line.ts";
import { suggestion } from "../../src/cli/read-values.ts";
import { type FaultName, faultNames } from "../faults/fault-names.ts";
import { mutations } from "../mutations/mutations.ts";
import { ownStorms } from "../scenario/storm/own-storms.ts";

/** The options of `npm run sim`. */
export interface RunOptions {
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

const USAGE = `npm run sim -- --seed N           runs the scenario of one seed, the same each time
npm run sim -- --seeds A..B       runs many, over all cores
npm run sim -- --fresh N          runs so many random ones, and prints their range
npm run sim -- --minutes M        runs seeds for that long
npm run sim -- --mutate NAME      removes a safety rule from the driver; the seeds must notice
npm run sim -- --storm NAME       one kind of faults, with all rules in place: every promise is kept
npm run sim -- --seed N --shrink  looks for a smaller scenario that fails alike, and writes it to a file
npm run sim -- --scenario FILE    runs such a file
npm run sim:night                 10^6 fresh seeds
npm run bench:sim                 failovers a second on one core, with a profile`;

const SEEDS = /^(\d+)\.\.(\d+)$/u;
const mutationNames = mutations.map(({ name }) => name);
const ANY_COUNT = { kind: "number", max: Number.MAX_SAFE_INTEGER, isWhole: true } as const;

const options = {
  ...grouped("Seeds", {
    seed: { ...ANY_COUNT, min: 0, help: "The only seed" },
    seeds: {
      kind: "text",
      problem: (value) =>
        rangeOf(value) === undefined ? "expected FIRST..LAST, such as 1..1000" : undefined,
      help: "From the first to the last, such as 1..1000",
    },
    fresh: { ...ANY_COUNT, min: 1, help: "So many random seeds (default 200, if nothing else names seeds)" },
    minutes: {
      kind: "number",
      min: 0.001,
      max: Number.MAX_SAFE_INTEGER,
      help: "Limit for the time of the run; random seeds if none are given",
    },
    scenario: {
      kind: "text",
      problem: fileProblem,
      help: "A file with a scenario, as --shrink writes it",
    },
  }),
  ...grouped("Faults", {
    faults: {
      kind: "list",
      choices: faultNames,
      help: `Only these classes of faults: ${faultNames.join(", ")}`,
    },
    storm: {
      kind: "text",
      problem: unknownOf([...Object.keys(ownStorms), ...mutationNames]),
      help:
        "That storm, with all rules in place: that of a mutation, or one of its own: " +
        Object.keys(ownStorms).join(", "),
    },
    mutate: {
      kind: "text",
      problem: unknownOf(["list", ...mutationNames]),
      help:
        "Leave out this safety rule, in the storm that is made for it unless --faults says another; " +
        "ends at the " +
        "first seed that notices. list prints the names",
    },
  }),
  ...grouped("Run", {
    shrink: { kind: "flag", help: "Look for a smaller scenario that fails alike, and write it to a file" },
    trace: { kind: "flag", help: "Print everything that happened" },
    threads: { ...ANY_COUNT, min: 1, help: "Threads (default: one a core)" },
    json: {
      kind: "flag",
      help: "Print {seeds, failovers, virtualHours, wallSeconds, violations} and nothing else",
    },
  }),
};

type Flags = Values<typeof options>;

/** Reads the command line. */
export function readRunOptions(
  args: readonly string[],
): NoRun | { readonly kind: "Run"; readonly options: RunOptions } {
  const program = { name: "npm run sim", usage: USAGE, options, problems: ambiguities };
  const command = readCommandLine(program, args);
  if (command.kind !== "Run") return command;
  const { values } = command;
  return {
    kind: "Run",
    options: {
      isJson: values.json,
      isShrinking: values.shrink,
      isTraced: values.trace,
      seeds: values.seed === undefined ? rangeOf(values.seeds ?? "") : [values.seed, values.seed],
      fresh: values.fresh,
      minutes: values.minutes,
      faults: values.faults,
      mutation: values.mutate,
      storm: values.storm,
      scenarioFile: values.scenario,
      threads: values.threads,
    },
  };
}

/**
 * Exactly one way to select seeds, and a single seed for options that need one: the output must not
 * suggest that more was run.
 */
function ambiguities({ seed, seeds, fresh, scenario, shrink }: Flags): readonly string[] {
  const named = Object.entries({ seed, seeds, fresh, scenario }).flatMap(([name, value]) =>
    value === undefined ? [] : [`--${name}`],
  );
  return [
    ...(named.length > 1 ? [`${named.join(" and ")}: say twice which seeds are run`] : []),
    ...(shrink && seed === undefined && scenario === undefined
      ? ["--shrink: makes one scenario smaller: --seed N or --scenario FILE says which"]
      : []),
  ];
}

function rangeOf(text: string): readonly [first: number, last: number] | undefined {
  const [, first, last] = SEEDS.exec(text) ?? [];
  if (first === undefined || last === undefined || Number(first) > Number(last)) return undefined;
  return [Number(first), Number(last)];
}

function unknownOf(names: readonly string[]): (value: string) => string | undefined {
  return (value) =>
    names.includes(value) ? undefined : `expected one of ${names.join(", ")}${suggestion(value, names)}`;
}
