import { pathToFileURL } from "node:url";
import type { JudgeTask, JudgeThreadData, MeasuredTest, TestName } from "./judge-protocol.ts";
import { instrument } from "./source/instrument.ts";
import type { NumberedMutant } from "./source/instrument.ts";
import type { Mutant } from "./source/mutant.ts";
import { startJudge } from "./start-judge.ts";
import type { Judge } from "./start-judge.ts";
import type { Outcome } from "./verdict-cache.ts";

/** The mutants to judge, and the tests. */
export interface JudgeRequest {
  readonly root: string;
  /** Sources of the files with mutants, by their path. */
  readonly sources: ReadonlyMap<string, string>;
  readonly mutants: readonly Mutant[];
  /** For each test file, how many imports lie between it and each file with mutants. */
  readonly distances: ReadonlyMap<string, ReadonlyMap<string, number>>;
  readonly threads: number;
  /** The test to try first. */
  readonly lastKiller: (mutant: Mutant) => Pick<TestName, "file" | "title"> | undefined;
  readonly onProgress: (what: string, done: number, all: number) => void;
  /** Called for a test that fails without any mutant; it is not used to judge. */
  readonly onFailing: (test: Pick<MeasuredTest, "file" | "title" | "failure">) => void;
  readonly onOutcome: (mutant: Mutant, outcome: Outcome) => void;
}

/** Time limits of a test file and of one test that have not run before, long enough for a busy machine. */
const FILE_MAX_MS = 120_000;
const TEST_MAX_MS = 20_000;
const LOAD_MAX_MS = 20_000;
const SLOWER_MAX = 5;
/** Only the nearest tests judge what a module does while it is loaded. */
const DISTANCE_MAX_AT_LOAD = 2;
/** A thread is replaced after so many mutants, since failed tests leave garbage in memory. */
const MUTANTS_PER_THREAD = 400;
const TRIES_MAX = 3;

/**
 * Judges every mutant: measures which tests reach it, then runs those, the likeliest first, until one
 * fails.
 */
export async function judgeMutants(request: JudgeRequest): Promise<void> {
  const numbered = request.mutants.map((mutant, id) => ({ id, mutant }));
  const rootUrl = `${pathToFileURL(request.root).href.replace(/\/$/u, "")}/`;
  const sources = new Map(
    [...Map.groupBy(numbered, ({ mutant }) => mutant.file)].map(([file, ofFile]) => [
      new URL(file, rootUrl).href,
      instrument(request.sources.get(file) ?? "", ofFile),
    ]),
  );
  const data: JudgeThreadData = { rootUrl, sources, activeFromStart: undefined, firstRunMaxMs: TEST_MAX_MS };
  const measured = await measureTests(request, data);
  const counter = { done: 0 };
  const settle = (mutant: Mutant, outcome: Outcome): void => {
    counter.done += 1;
    request.onOutcome(mutant, outcome);
    request.onProgress("mutants", counter.done, numbered.length);
  };
  const isAlone = ({ id }: NumberedMutant): boolean => measured.reachedAtLoad.has(id);
  const waiting = numbered.filter((one) => !isAlone(one));
  await inParallel(request.threads, () => judgeFrom(waiting, request, data, measured, settle));
  const waitingAlone = numbered.filter(isAlone);
  await inParallel(request.threads, async () => {
    for (let next = waitingAlone.shift(); next !== undefined; next = waitingAlone.shift())
      settle(next.mutant, await judgeAlone(next, request, data, measured));
  });
}

interface Measured {
  /** By mutant. */
  readonly reaching: ReadonlyMap<number, readonly MeasuredTest[]>;
  readonly tests: readonly MeasuredTest[];
  readonly reachedAtLoad: ReadonlySet<number>;
}

async function measureTests(request: JudgeRequest, data: JudgeThreadData): Promise<Measured> {
  const waiting = [...request.distances.keys()];
  const all = waiting.length;
  const tests: MeasuredTest[] = [];
  const reachedAtLoad = new Set<number>();
  await inParallel(request.threads, async () => {
    let judge = startJudge(data);
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
      const answer = await judge.ask({ kind: "measure", file }, FILE_MAX_MS);
      if (answer.kind !== "measured") {
        request.onFailing({
          file,
          title: "the file as a whole",
          failure: answer.kind === "error" ? answer.why : "hangs",
        });
        await judge.end();
        judge = startJudge(data);
        continue;
      }
      for (const test of answer.tests.filter(({ failure }) => failure !== undefined)) request.onFailing(test);
      // State that a failed test leaves behind must not fail the next one.
      if (answer.tests.some(({ failure }) => failure !== undefined)) {
        await judge.end();
        judge = startJudge(data);
      }
      tests.push(...answer.tests.filter(({ failure }) => failure === undefined));
      for (const id of answer.reachedAtLoad) reachedAtLoad.add(id);
      request.onProgress("test files", all - waiting.length, all);
    }
    await judge.end();
  });
  const reaching = new Map<number, MeasuredTest[]>();
  for (const test of tests) {
    for (const id of test.reached) reaching.set(id, [...(reaching.get(id) ?? []), test]);
  }
  return { reaching, tests, reachedAtLoad };
}

async function judgeFrom(
  waiting: NumberedMutant[],
  request: JudgeRequest,
  data: JudgeThreadData,
  measured: Measured,
  settle: (mutant: Mutant, outcome: Outcome) => void,
): Promise<void> {
  let judge: Judge | undefined;
  let judged = 0;
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    const tests = inOrder(next.mutant, measured.reaching.get(next.id) ?? [], request);
    if (tests.length === 0) {
      settle(next.mutant, { kind: "unreached" });
      continue;
    }
    let outcome: Outcome | undefined;
    for (let tries = 1; outcome === undefined; tries += 1) {
      if (tries > TRIES_MAX)
        throw new Error(
          `${next.mutant.file}:${next.mutant.line} can't be judged: its tests fail without it, too`,
        );
      judge ??= startJudge(data);
      judged += 1;
      outcome = await ask(judge, next.id, tests);
      if (outcome === undefined || outcome.kind === "timeout" || judged >= MUTANTS_PER_THREAD) {
        await judge.end();
        judge = undefined;
        judged = 0;
      }
    }
    settle(next.mutant, outcome);
  }
  await judge?.end();
}

/** Judges in a thread of its own, in which the mutant is active from the start. */
async function judgeAlone(
  { id, mutant }: NumberedMutant,
  request: JudgeRequest,
  data: JudgeThreadData,
  measured: Measured,
): Promise<Outcome> {
  const isNear = ({ file }: MeasuredTest): boolean =>
    (request.distances.get(file)?.get(mutant.file) ?? Infinity) <= DISTANCE_MAX_AT_LOAD;
  const reaching = measured.tests.filter(({ reached }) => reached.includes(id));
  const tests = measured.tests.filter((test) => isNear(test) || reaching.includes(test));
  if (tests.length === 0) return { kind: "unreached" };
  const judge = startJudge({ ...data, activeFromStart: id });
  const outcome = await ask(judge, id, inOrder(mutant, tests, request));
  await judge.end();
  return outcome ?? { kind: "survived" };
}

/** Returns undefined if the thread can't be used any more. */
async function ask(judge: Judge, mutant: number, tests: readonly TestName[]): Promise<Outcome | undefined> {
  const usualMs = tests.reduce((sum, { usual }) => sum + usual.durationMs, 0);
  const task: JudgeTask = { kind: "judge", mutant, tests };
  const answer = await judge.ask(task, LOAD_MAX_MS + usualMs * SLOWER_MAX);
  if (answer.kind === "hung") return { kind: "timeout" };
  if (answer.kind !== "verdict") return undefined;
  const { verdict } = answer;
  return verdict.kind === "spoilt" ? undefined : verdict;
}

/** The last killer first, then the nearest tests, of these the quickest. */
function inOrder(mutant: Mutant, tests: readonly MeasuredTest[], request: JudgeRequest): readonly TestName[] {
  const killer = request.lastKiller(mutant);
  const isKiller = ({ file, title }: MeasuredTest): boolean =>
    file === killer?.file && title === killer.title;
  const rank = (test: MeasuredTest): number =>
    isKiller(test) ? -1 : (request.distances.get(test.file)?.get(mutant.file) ?? Infinity);
  return tests
    .toSorted((left, right) => rank(left) - rank(right) || left.durationMs - right.durationMs)
    .map(({ file, title, durationMs, askedCount }) => ({ file, title, usual: { durationMs, askedCount } }));
}

async function inParallel(count: number, work: () => Promise<void>): Promise<void> {
  await Promise.all(Array.from({ length: count }, work));
}
