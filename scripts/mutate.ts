import { glob, readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Options as Flags, Values } from "../src/cli/options.ts";
import { outdatedEquivalents, whyEquivalent } from "./mutate/equivalents.ts";
import { judgeMutants } from "./mutate/judge-mutants.ts";
import { judgeByModels } from "./mutate/models/judge-by-models.ts";
import { modelLines, modelTable } from "./mutate/models/show-models.ts";
import { describeMutant, isSurvivor, isWronglyListed, scoreOf, scoreTable } from "./mutate/show-score.ts";
import type { JudgedMutant } from "./mutate/show-score.ts";
import { refusedByCompiler } from "./mutate/source/ask-compiler.ts";
import { findMutants } from "./mutate/source/find-mutants.ts";
import { createImportGraph } from "./mutate/source/import-graph.ts";
import type { ImportGraph } from "./mutate/source/import-graph.ts";
import { describeChange } from "./mutate/source/mutant.ts";
import type { Mutant } from "./mutate/source/mutant.ts";
import { judgingModels, judgingTests, targets } from "./mutate/targets.ts";
import { mutantKey, openVerdictCache } from "./mutate/verdict-cache.ts";
import type { Outcome } from "./mutate/verdict-cache.ts";
import { runProgram } from "./run-program.ts";

/** Each rule that a model leaves out is detected within so many states. */
const STATES_MAX = 650_000;

const USAGE = `npm run mutate [-- flags]

Changes the rules one by one and lists changes that no test notices.
The exit code is 1 if a target has too few killed mutants, or an entry of the list of equivalents is wrong.`;
const options = {
  files: { kind: "list", default: [], help: "Only files whose path contains one of these words" },
  list: { kind: "flag", help: "List the mutants, without running a test" },
  killed: { kind: "flag", help: "Also list killed mutants, each with the test that noticed it" },
  models: { kind: "flag", help: "Judge by the protocol models instead of the tests, over all code they run" },
  changes: {
    kind: "text",
    help: "With --models: only changes that contain this text, as --list prints them",
  },
  states: {
    kind: "number",
    min: 1,
    max: Number.MAX_SAFE_INTEGER,
    isWhole: true,
    help: `With --models: states of each model, nearest first (default ${STATES_MAX})`,
  },
  threads: {
    kind: "number",
    default: availableParallelism(),
    min: 1,
    max: Number.MAX_SAFE_INTEGER,
    isWhole: true,
    help: "Threads",
  },
  "no-cache": { kind: "flag", help: "Judge everything again" },
} as const satisfies Flags;

const CACHE_FILE = ".cache/mutate/verdicts.json";
const PROGRESS_EVERY_MS = 5_000;
const SAVED_EVERY_MS = 10_000;

const root = fileURLToPath(new URL("..", import.meta.url));

interface Options {
  readonly words: readonly string[];
  readonly changed: string;
  readonly isList: boolean;
  readonly showsKilled: boolean;
  readonly byModels: boolean;
  readonly statesMax: number;
  readonly usesCache: boolean;
  readonly threads: number;
}

async function filesOf(patterns: readonly string[]): Promise<readonly string[]> {
  const files: string[] = [];
  for await (const file of glob([...patterns], { cwd: root })) files.push(file);
  return files.toSorted();
}

/** For each test file, the distance to every loaded file that has mutants. */
async function distancesTo(
  paths: readonly string[],
  tests: readonly string[],
  graph: ImportGraph,
): Promise<Map<string, Map<string, number>>> {
  const distances = new Map<string, Map<string, number>>();
  for (const test of tests) {
    const own = [...(await graph.distancesFrom(test))].filter(([file]) => paths.includes(file));
    if (own.length > 0) distances.set(test, new Map(own));
  }
  return distances;
}

/** Prints a line now and then, and always the last one. */
function createProgress(): (what: string, done: number, all: number) => void {
  let printedMs = performance.now();
  return (what, done, all) => {
    if (done < all && performance.now() - printedMs < PROGRESS_EVERY_MS) return;
    printedMs = performance.now();
    console.log(`${what}: ${done} of ${all}`);
  };
}

async function run(options: Options): Promise<boolean> {
  const chosen = await Promise.all(
    targets.map(async (target) => {
      const all = (await filesOf(target.files)).filter((file) => !file.endsWith(".test.ts"));
      return {
        ...target,
        paths: all.filter(
          (file) => options.words.length === 0 || options.words.some((word) => file.includes(word)),
        ),
      };
    }),
  );
  const paths = chosen.flatMap((target) => target.paths);
  const sources = new Map(
    await Promise.all(paths.map(async (file) => [file, await readFile(join(root, file), "utf8")] as const)),
  );
  const sourceOf = (file: string): string => sources.get(file) ?? "";
  const mutants = paths.flatMap((file) => findMutants(file, sourceOf(file)));
  if (options.isList) {
    for (const mutant of mutants)
      console.log(
        `${mutant.file}:${mutant.line}:${mutant.column}: ${mutant.operator}: ` +
          `${describeChange(mutant, sourceOf(mutant.file))}`,
      );
    console.log(`${mutants.length} mutants in ${paths.length} files`);
    return true;
  }
  if (mutants.length === 0) {
    console.error(`no file with mutants has one of these in its path: ${options.words.join(", ")}`);
    return false;
  }
  if (options.byModels) return showModels(options, mutants, sources);

  // A mutant that survived last time runs every test that reaches it. The compiler refuses most of these
  // and is quicker, so it goes first.
  const { wasUnnoticed } = await openVerdictCache(join(root, CACHE_FILE));
  const known = await refusedByCompiler(root, options.usesCache ? mutants.filter(wasUnnoticed) : [], sources);
  const asked = mutants.filter((mutant) => !known.has(mutant));
  const noticed = await judgeAll(options, asked, sources);
  const unnoticed = asked.filter((mutant) =>
    ["survived", "unreached"].includes(noticed.get(mutant)?.kind ?? ""),
  );
  const refused = new Set([...known, ...(await refusedByCompiler(root, unnoticed, sources))]);
  const judged = mutants.map((mutant): JudgedMutant => {
    const outcome: Outcome = refused.has(mutant)
      ? { kind: "refused" }
      : (noticed.get(mutant) ?? { kind: "unreached" });
    return { mutant, outcome, equivalent: whyEquivalent(mutant, sourceOf(mutant.file)) };
  });
  if (options.showsKilled) {
    for (const one of judged) {
      if (one.outcome.kind === "killed")
        console.log(
          `killed: ${describeMutant(one, sourceOf(one.mutant.file))}\n` +
            `  by ${one.outcome.by.file}: ${one.outcome.by.title}`,
        );
    }
  }
  for (const one of judged.filter(isSurvivor))
    console.log(`survived: ${describeMutant(one, sourceOf(one.mutant.file))}`);
  const wrong = judged.filter(isWronglyListed);
  for (const one of wrong)
    console.log(
      `listed as equivalent, and noticed by a test: ${describeMutant(one, sourceOf(one.mutant.file))}`,
    );
  const outdated = outdatedEquivalents(sources, mutants);
  for (const { file, change } of outdated)
    console.log(`listed as equivalent, and no mutant: ${file}: ${change}`);
  console.log(scoreTable(chosen, judged));
  const isReached = chosen.every(
    ({ paths: own, killedMin }) =>
      scoreOf(judged.filter(({ mutant }) => own.includes(mutant.file))).percent >= killedMin,
  );
  return isReached && wrong.length === 0 && outdated.length === 0;
}

/**
 * Prints the models' verdict on each change. They are no gate: much of the code they run is outside their
 * rules.
 */
async function showModels(
  options: Options,
  all: readonly Mutant[],
  sources: ReadonlyMap<string, string>,
): Promise<true> {
  const chosen = all.filter((mutant) =>
    describeChange(mutant, sources.get(mutant.file) ?? "").includes(options.changed),
  );
  if (chosen.length === 0)
    throw new Error(`no change of these files contains "${options.changed}": --list prints them`);
  const refused = await refusedByCompiler(root, chosen, sources);
  const mutants = chosen.filter((mutant) => !refused.has(mutant));
  console.log(`${mutants.length} mutants, and ${refused.size} that do not compile`);
  const { statesMax, threads } = options;
  const byModel = await judgeByModels({
    root,
    judgements: judgingModels,
    sources,
    mutants,
    statesMax,
    threads,
    onProgress: createProgress(),
  });
  for (const line of modelLines(byModel, sources, options)) console.log(line);
  console.log(modelTable(byModel));
  return true;
}

async function judgeAll(
  options: Options,
  mutants: readonly Mutant[],
  sources: ReadonlyMap<string, string>,
): Promise<ReadonlyMap<Mutant, Outcome>> {
  const graph = createImportGraph(root);
  const tests = await filesOf(judgingTests);
  const distances = await distancesTo([...sources.keys()], tests, graph);
  const cache = await openVerdictCache(join(root, CACHE_FILE));
  const byFile = Map.groupBy(mutants, ({ file }) => file);
  const hashes = new Map<string, string>();
  const outcomes = new Map<Mutant, Outcome>();
  for (const [file, ofFile] of byFile) {
    const own = [...distances].filter(([, reached]) => reached.has(file)).map(([test]) => test);
    const hash = await graph.hashOf([file, ...own, "scripts/mutate/judge-thread.ts"]);
    hashes.set(file, hash);
    const known = options.usesCache ? cache.valid(file, hash) : undefined;
    for (const mutant of ofFile) {
      const outcome = known?.get(mutantKey(mutant));
      if (outcome !== undefined) outcomes.set(mutant, outcome);
    }
  }
  const waiting = mutants.filter((mutant) => !outcomes.has(mutant));
  console.log(`${mutants.length} mutants, ${waiting.length} to be judged`);
  if (waiting.length === 0) return outcomes;
  const waitingFiles = new Set(waiting.map(({ file }) => file));
  const reaching = new Map(
    [...distances].filter(([, reached]) => [...reached.keys()].some((file) => waitingFiles.has(file))),
  );
  const writes: Promise<void>[] = [];
  const unsaved = new Set<string>();
  let savedMs = performance.now();
  // Saves verdicts, so that an interrupted run continues where it stopped.
  const save = (): void => {
    for (const file of unsaved) {
      const ofFile = (byFile.get(file) ?? []).flatMap((mutant): readonly (readonly [string, Outcome])[] => {
        const outcome = outcomes.get(mutant);
        return outcome === undefined ? [] : [[mutantKey(mutant), outcome]];
      });
      writes.push(cache.put(file, hashes.get(file) ?? "", new Map(ofFile)));
    }
    unsaved.clear();
    savedMs = performance.now();
  };
  await judgeMutants({
    root,
    sources,
    mutants: waiting,
    distances: reaching,
    threads: options.threads,
    lastKiller: cache.lastKiller,
    onProgress: createProgress(),
    onFailing: ({ file, title, failure }) =>
      console.log(`judges nothing, since it fails in this thread: ${file}: ${title}: ${failure}`),
    onOutcome: (mutant, outcome) => {
      outcomes.set(mutant, outcome);
      unsaved.add(mutant.file);
      if (performance.now() - savedMs >= SAVED_EVERY_MS) save();
    },
  });
  save();
  await Promise.all(writes);
  return outcomes;
}

/** `--changes` and `--states` choose among what the models judge. */
function withoutModels({ models, changes, states }: Values<typeof options>): readonly string[] {
  if (models) return [];
  return Object.entries({ changes, states }).flatMap(([name, value]) =>
    value === undefined ? [] : [`--${name}: is for --models, which is not given`],
  );
}

async function main(values: Values<typeof options>): Promise<number> {
  const startedMs = performance.now();
  const isGood = await run({
    words: values.files,
    changed: values.changes ?? "",
    isList: values.list,
    showsKilled: values.killed,
    byModels: values.models,
    statesMax: values.states ?? STATES_MAX,
    usesCache: !values.noCache,
    threads: values.threads,
  });
  if (!values.list) console.log(`${((performance.now() - startedMs) / 1_000).toFixed(0)} s`);
  return isGood ? 0 : 1;
}

await runProgram({ name: "npm run mutate", usage: USAGE, options, problems: withoutModels }, main);
