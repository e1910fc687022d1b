import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { systemClock } from "../src/adapters/system/system-clock.ts";
import { systemRandom } from "../src/adapters/system/system-random.ts";
import { answerNoRun } from "../src/cli/read-command-line.ts";
import { describeMutation, mutationNamed, mutations } from "./mutations/mutations.ts";
import { describeSeedFailure } from "./run/describe-failure.ts";
import { freshRange } from "./run/fresh-range.ts";
import { readRunOptions, type RunOptions } from "./run/run-options.ts";
import type { SeedResult } from "./run/run-seed.ts";
import { runSeeds, seedRange } from "./run/run-seeds.ts";
import { startSimThread } from "./run/start-sim-thread.ts";
import { createSummary, type Summary, type SummaryOfSeeds } from "./run/summary.ts";
import { drawScenario } from "./scenario/draw-scenario.ts";
import { hasTwin } from "./scenario/has-twin.ts";
import type { Scenario } from "./scenario/scenario.ts";
import { shrinkScenario } from "./scenario/shrink-scenario.ts";
import { type DirectedStorm, drawDirected } from "./scenario/storm/directed-storm.ts";
import { stormNamed } from "./scenario/storm/storm-named.ts";

const FOLDER = fileURLToPath(new URL("../.cache/sim/", import.meta.url));
/** Failures that are shown in full; all of them are counted. */
const FAILURES_SHOWN = 5;
const FRESH_SEEDS = 200;
const PROGRESS_EVERY_MS = 30_000;
const NEVER_ENDING = Number.MAX_SAFE_INTEGER;
const MS_PER_MINUTE = 60_000;

async function main(): Promise<void> {
  const command = readRunOptions(process.argv.slice(2));
  if (command.kind !== "Run") {
    process.exitCode = answerNoRun(command);
    return;
  }
  const { options } = command;
  if (options.mutation === "list") return console.log(mutations.map(describeMutation).join("\n"));
  const print = options.isJson ? (): void => undefined : (text: string): void => console.log(text);
  if (options.mutation !== undefined) print(`without ${describeMutation(mutationNamed(options.mutation))}`);
  const startedMs = systemClock.elapsedMs();
  const summary = createSummary();
  if (options.scenarioFile !== undefined || options.isShrinking) await runOne(options, summary.add, print);
  else await runMany(options, summary, print, startedMs);
  const total = summary.total(systemClock.elapsedMs() - startedMs);
  console.log(options.isJson ? JSON.stringify(total) : describeSummary(total));
  // A missing rule has to be noticed.
  process.exitCode = total.violations.length > 0 === (options.mutation !== undefined) ? 0 : 1;
}

async function runMany(
  options: RunOptions,
  summary: SummaryOfSeeds,
  print: (text: string) => void,
  startedMs: number,
): Promise<void> {
  const range =
    options.seeds ??
    freshRange(systemRandom, options.fresh ?? (options.minutes === undefined ? FRESH_SEEDS : NEVER_ENDING));
  print(
    range[0] === range[1]
      ? `seed ${range[0]}`
      : `seeds from ${range[0]}${range[1] >= NEVER_ENDING ? "" : ` to ${range[1]}`}`,
  );
  const endsMs =
    options.minutes === undefined ? Number.POSITIVE_INFINITY : startedMs + options.minutes * MS_PER_MINUTE;
  let failures = 0;
  let nextProgressMs = startedMs + PROGRESS_EVERY_MS;
  await runSeeds({
    seeds: seedRange(range),
    faults: options.faults,
    storm: stormOf(options),
    isTraced: options.isTraced,
    mutation: options.mutation,
    threads: range[0] === range[1] ? 1 : options.threads,
    onResult: (result) => {
      summary.add(result);
      if (options.isTraced) print(result.lines.join("\n"));
      if (result.violations.length > 0) {
        failures += 1;
        if (failures <= FAILURES_SHOWN)
          print(`\n${describeSeedFailure(result, replayOf(options, result.seed))}\n`);
      }
      const nowMs = systemClock.elapsedMs();
      if (nowMs >= nextProgressMs) {
        print(`${summary.total(nowMs - startedMs).seeds} seeds so far, ${failures} of them broke a promise`);
        nextProgressMs = nowMs + PROGRESS_EVERY_MS;
      }
      return nowMs < endsMs && !(options.mutation !== undefined && failures > 0);
    },
  });
}

/** One scenario, from a file or of a seed; shrunk on request. */
async function runOne(
  options: RunOptions,
  add: (result: SeedResult) => void,
  print: (text: string) => void,
): Promise<void> {
  const thread = startSimThread({ mutation: options.mutation });
  const mutated = options.mutation === undefined ? "" : ` --mutate ${options.mutation}`;
  const isDirected = stormOf(options) !== undefined;
  const run = (scenario: Scenario): Promise<SeedResult> =>
    thread.run({
      kind: "scenario",
      scenario,
      isTwinned: !isDirected && hasTwin(scenario.seed),
      isTraced: options.isTraced,
    });
  try {
    const scenario = await scenarioOf(options);
    const result = await run(scenario);
    const [broken] = result.violations;
    if (options.isTraced) print(result.lines.join("\n"));
    if (!options.isShrinking || broken === undefined) {
      add(result);
      if (broken !== undefined)
        print(
          describeSeedFailure(
            result,
            `npm run sim -- --scenario ${options.scenarioFile ?? "FILE"}${mutated}`,
          ),
        );
      return;
    }
    print(`seed ${scenario.seed} breaks ${broken.invariant}; making it smaller …`);
    const smallest = await shrinkScenario(scenario, async (smaller) =>
      (await run(smaller)).violations.some(({ invariant }) => invariant === broken.invariant),
    );
    await mkdir(FOLDER, { recursive: true });
    const file = join(FOLDER, `${smallest.seed}.json`);
    await writeFile(file, `${JSON.stringify(smallest, undefined, 2)}\n`);
    const shrunk = await run(smallest);
    add(shrunk);
    print(
      `${smallest.faults.length} faults, ${smallest.acts.length} acts and ${smallest.workloads.length} ` +
        `volumes are left of ${scenario.faults.length}, ${scenario.acts.length} and ` +
        `${scenario.workloads.length}`,
    );
    print(
      describeSeedFailure(shrunk, `npm run sim -- --scenario ${relative(process.cwd(), file)}${mutated}`),
    );
  } finally {
    await thread.end();
  }
}

/** The named storm, or that of the named mutation, unless classes of faults are given. */
function stormOf({ faults, mutation, storm }: RunOptions): DirectedStorm | undefined {
  const name = storm ?? mutation;
  return name === undefined || faults !== undefined ? undefined : stormNamed(name);
}

async function scenarioOf(options: RunOptions): Promise<Scenario> {
  const { scenarioFile, seeds, faults } = options;
  // The project's own file: mistakes in it show when it runs.
  if (scenarioFile !== undefined) return JSON.parse(await readFile(scenarioFile, "utf8")) as Scenario;
  const seed = seeds?.[0] ?? freshRange(systemRandom, 1)[0];
  const storm = stormOf(options);
  return storm === undefined ? drawScenario(seed, faults) : drawDirected(seed, storm);
}

function replayOf({ faults, mutation, storm }: RunOptions, seed: number): string {
  return [
    "npm run sim -- --seed",
    seed,
    ...(faults === undefined ? [] : ["--faults", faults.join(",")]),
    ...(mutation === undefined ? [] : ["--mutate", mutation]),
    ...(storm === undefined ? [] : ["--storm", storm]),
  ].join(" ");
}

function describeSummary({ seeds, failovers, virtualHours, wallSeconds, violations }: Summary): string {
  const counts = Map.groupBy(violations, ({ invariant }) => invariant);
  const broken = [...counts]
    .map(([invariant, those]) => `${invariant} ${new Set(those.map(({ seed }) => seed)).size}`)
    .join(", ");
  const failed = [...new Set(violations.map(({ seed }) => seed))];
  return [
    `${seeds} seeds, ${failovers} failovers, ${virtualHours} virtual hours in ${wallSeconds} s ` +
      `(${Math.round(failovers / Math.max(wallSeconds, 0.01))} failovers a second)`,
    violations.length === 0
      ? "every promise was kept"
      : `${failed.length} seeds broke a promise (${broken}): ` +
        `${failed.slice(0, 40).join(" ")}${failed.length > 40 ? " …" : ""}`,
  ].join("\n");
}

await main();
