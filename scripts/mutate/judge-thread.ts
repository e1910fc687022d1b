import { registerHooks } from "node:module";
import { parentPort, workerData } from "node:worker_threads";
import type {
  JudgeAnswer,
  JudgeTask,
  JudgeThreadData,
  MeasuredTest,
  TestName,
  Verdict,
} from "./judge-protocol.ts";
import { SWITCH_NAME } from "./source/instrument.ts";
import { waitingTests } from "./targets.ts";
import { takeRegistered } from "./test-registry.ts";
import type { RegisteredTest } from "./test-registry.ts";

const { rootUrl, sources, activeFromStart, firstRunMaxMs } = workerData as JudgeThreadData;

/**
 * A test hangs if it takes longer than this many times its usual time, and longer than this many
 * milliseconds.
 */
const SLOWER_MAX = 20;
const TEST_MAX_MS = 4_000;
/** A loop is endless if it asks for this many switches more than the test usually does. */
const ASKED_MORE_MAX = 200_000;

let active: number | undefined = activeFromStart;
/** The mutants asked for during a measurement. */
let asked: Set<number> | undefined;
let askedCount = 0;
let askedMax = Number.POSITIVE_INFINITY;
/** The mutants asked for while modules are loaded. These can't be switched on later. */
const askedAtLoad = new Set<number>();

Object.assign(globalThis, {
  [SWITCH_NAME]: (id: number): boolean => {
    askedCount += 1;
    if (askedCount > askedMax) throw new Error("goes round without an end");
    asked?.add(id);
    return id === active;
  },
});

registerHooks({
  resolve: (specifier, context, nextResolve) =>
    specifier === "node:test"
      ? { url: new URL("test-registry.ts", import.meta.url).href, shortCircuit: true }
      : nextResolve(specifier, context),
  load: (url, context, nextLoad) => {
    const source = sources.get(url);
    return source === undefined
      ? nextLoad(url, context)
      : { format: "module-typescript", source, shortCircuit: true };
  },
});

/** Errors outside the running test, from promises that nothing awaits. */
const broken: unknown[] = [];
for (const event of ["uncaughtException", "unhandledRejection"] as const)
  process.on(event, (error: unknown) => {
    broken.push(error);
  });

interface LoadedTest extends RegisteredTest {
  /** Measured without any mutant; `undefined` until it has been run. */
  usual: { readonly durationMs: number; readonly askedCount: number } | undefined;
}

const loaded = new Map<string, Promise<ReadonlyMap<string, LoadedTest>>>();

function load(file: string): Promise<ReadonlyMap<string, LoadedTest>> {
  const present = loaded.get(file) ?? register(file);
  loaded.set(file, present);
  return present;
}

async function register(file: string): Promise<ReadonlyMap<string, LoadedTest>> {
  asked = askedAtLoad;
  await import(new URL(file, rootUrl).href);
  asked = undefined;
  const tests = new Map<string, LoadedTest>();
  for (const { title, run } of takeRegistered().filter(({ title: name }) => !waitingTests.test(name))) {
    // A second test with the same title is a different test.
    const own = tests.has(title) ? `${title} (${tests.size})` : title;
    tests.set(own, { title: own, run, usual: undefined });
  }
  return tests;
}

/** Why the test failed; `undefined` if it passed. */
async function runOnce(test: LoadedTest): Promise<string | undefined> {
  const limitMs =
    test.usual === undefined ? firstRunMaxMs : Math.max(TEST_MAX_MS, test.usual.durationMs * SLOWER_MAX);
  broken.length = 0;
  askedCount = 0;
  askedMax =
    test.usual === undefined ? Number.POSITIVE_INFINITY : test.usual.askedCount * SLOWER_MAX + ASKED_MORE_MAX;
  const hanging = Promise.withResolvers<string>();
  const timer = setTimeout(() => hanging.resolve(HANGS), limitMs);
  try {
    const why = await Promise.race([test.run().then(() => undefined, describeError), hanging.promise]);
    // Unhandled errors are reported after one turn of the event loop.
    await new Promise((resolve) => setImmediate(resolve));
    return why ?? broken.map(describeError)[0];
  } finally {
    clearTimeout(timer);
  }
}

const HANGS = "hangs";

function describeError(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n", 1)[0] ?? "";
}

/** Runs each test of a file with unchanged sources, and records which mutants it asks for. */
async function measure(file: string): Promise<readonly MeasuredTest[]> {
  const measured: MeasuredTest[] = [];
  for (const test of (await load(file)).values()) {
    const own = new Set<number>();
    asked = own;
    const startedMs = performance.now();
    const why = await runOnce(test);
    const durationMs = performance.now() - startedMs;
    asked = undefined;
    test.usual = { durationMs, askedCount };
    if (why === HANGS) {
      measured.push({ file, title: test.title, durationMs, askedCount, reached: [], failure: why });
      break;
    }
    measured.push({ file, title: test.title, durationMs, askedCount, reached: [...own], failure: why });
  }
  return measured;
}

/**
 * Runs tests with a mutant until one fails. A test that fails without the mutant as well proves that this
 * thread is spoilt.
 */
async function judge(mutant: number, tests: readonly TestName[]): Promise<Verdict> {
  for (const { file, title, usual } of tests) {
    const present = await load(file).then(
      (ofFile) => ofFile.get(title),
      (error: unknown) => describeError(error),
    );
    if (typeof present === "string")
      return { kind: "killed", by: { file, title }, why: `does not load: ${present}` };
    if (present === undefined) return { kind: "spoilt", why: `${file} registers no test ${title}` };
    present.usual = usual;
    active = mutant;
    const why = await runOnce(present);
    active = activeFromStart;
    if (why === undefined) continue;
    // In a thread that has had the mutant from the start, there is no run without it to compare with.
    const alsoWithout = activeFromStart === undefined ? await runOnce(present) : undefined;
    if (alsoWithout !== undefined)
      return { kind: "spoilt", why: `${title} fails without a mutant: ${alsoWithout}` };
    return { kind: "killed", by: { file, title }, why };
  }
  return { kind: "survived" };
}

async function answerTo(task: JudgeTask): Promise<JudgeAnswer> {
  if (task.kind === "judge") return { kind: "verdict", verdict: await judge(task.mutant, task.tests) };
  const tests = await measure(task.file);
  return { kind: "measured", tests, reachedAtLoad: [...askedAtLoad] };
}

parentPort?.on("message", (task: JudgeTask) => {
  answerTo(task).then(
    (answer) => parentPort?.postMessage(answer),
    (error: unknown) =>
      parentPort?.postMessage({ kind: "error", why: describeError(error) } satisfies JudgeAnswer),
  );
});
