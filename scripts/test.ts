import { fileURLToPath } from "node:url";
import type { Options, Values } from "../src/cli/options.ts";
import { answerNoRun, refusal } from "../src/cli/read-command-line.ts";
import { kubernetesOfTests } from "../testbed/parts/build-kubernetes.ts";
import { buildParts } from "../testbed/parts/build-parts.ts";
import type { OlderKubernetes } from "../testbed/parts/kubernetes-module.ts";
import { runCommand } from "./child/run-command.ts";
import { runProgram } from "./run-program.ts";
import { describeLanes, processorTimes } from "./test/lane-times.ts";
import type { LaneTime } from "./test/lane-times.ts";
import { inspectMachine, installMissingPackages } from "./test/machine.ts";
import type { Machine } from "./test/machine.ts";
import { seconds, showSuite } from "./test/show-suite.ts";
import type { ShownSuite } from "./test/show-suite.ts";
import { chooseSuites, findSuites, lanes } from "./test/suites.ts";
import type { Lane, Suite } from "./test/suites.ts";
import type { TestOutcome } from "./test/test-outcome.ts";

const USAGE = `npm test [-- flags] [word ...]

Runs npm run check, then every test there is; with words only suites of that name and files whose path
contains one of them, without checks. With CI=true, as root and with Go, a skipped test counts as a failure.`;
const options = { list: { kind: "flag", help: "Print the suites" } } as const satisfies Options;

const CHECK_TIMEOUT_MS = 900_000;
/** So that the last lines of a run name every failed test, and say why the first ones failed. */
const REASON_CHARS = 200;
const FIRST_REASON_CHARS = 900;
const FIRST_REASONS = 3;

async function runCheck(root: string): Promise<TestOutcome> {
  const { code, output, durationMs } = await runCommand(process.execPath, ["scripts/check.ts"], {
    cwd: root,
    timeoutMs: CHECK_TIMEOUT_MS,
  });
  console.log(`check\n${output.trimEnd().replaceAll(/^/gmu, "  ")}`);
  return {
    name: "npm run check",
    file: "scripts/check.ts",
    result: code === 0 ? "passed" : "failed",
    reason: code === 0 ? "" : "see its output above",
    durationMs,
  };
}

/**
 * Builds the Kubernetes programs that suites need, if they are missing, so that minutes of compiling count
 * against no suite's time.
 */
async function prepareParts(signal: AbortSignal, older: OlderKubernetes | undefined): Promise<TestOutcome> {
  console.log("Kubernetes' own programs");
  const startedMs = performance.now();
  const ended = (result: TestOutcome["result"], reason: string): TestOutcome => {
    const durationMs = performance.now() - startedMs;
    console.log(`  ${result === "passed" ? "built, or built before" : reason}, ${seconds(durationMs)}`);
    return { name: "Kubernetes' own programs", file: "testbed/parts", result, reason, durationMs };
  };
  return buildParts((line) => console.log(`  ${line}`), signal, older).then(
    () => ended("passed", ""),
    (error: unknown) => ended("failed", error instanceof Error ? error.message : String(error)),
  );
}

/** Runs the suites of a lane one after the other. */
async function runLane(
  lane: Lane,
  suites: readonly Suite[],
  root: string,
  signal: AbortSignal,
): Promise<LaneTime & { readonly outcomes: readonly TestOutcome[] }> {
  const shown: ShownSuite[] = [];
  for (const suite of suites.filter((each) => each.lane === lane)) {
    if (signal.aborted) break;
    shown.push(await showSuite(suite, root, signal));
  }
  return {
    lane,
    outcomes: shown.flatMap(({ outcomes }) => outcomes),
    durationMs: shown.reduce((sum, { durationMs }) => sum + durationMs, 0),
    processorMs: shown.reduce((sum, { processorMs }) => sum + processorMs, 0),
  };
}

function summarize(outcomes: readonly TestOutcome[], machine: Machine, durationMs: number): boolean {
  const of = (result: TestOutcome["result"]): readonly TestOutcome[] =>
    outcomes.filter((outcome) => outcome.result === result);
  const [passed, failed, skipped] = [of("passed"), of("failed"), of("skipped")];
  console.log(`\n${seconds(durationMs)} in all`);
  for (const { name, reason } of skipped) console.log(`skipped: ${name}: ${reason}`);
  for (const [index, { name, file, reason }] of failed.entries()) {
    const line = reason.split("\n", 1)[0] ?? "";
    const chars = index < FIRST_REASONS ? FIRST_REASON_CHARS : REASON_CHARS;
    console.log(`failed: ${name} (${file}): ${line.slice(0, chars)}`);
  }
  if (skipped.length > 0 && machine.isComplete)
    console.log("A skip is a failure here: CI=true, root and Go are all present.");
  if (passed.length + failed.length === 0) console.log("No test ran.");
  console.log(`${passed.length} passed, ${failed.length} failed, ${skipped.length} skipped`);
  return failed.length === 0 && passed.length > 0 && !(skipped.length > 0 && machine.isComplete);
}

async function main(values: Values<typeof options>, words: readonly string[]): Promise<number> {
  const root = fileURLToPath(new URL("..", import.meta.url));
  let older: OlderKubernetes | undefined;
  try {
    older = kubernetesOfTests();
  } catch (error) {
    return answerNoRun(refusal("npm test", [error instanceof Error ? error.message : String(error)]));
  }
  const suites = chooseSuites(await findSuites(root), words, { olderKubernetes: older !== undefined });
  if (suites.length === 0)
    return answerNoRun(
      refusal("npm test", [
        `no suite has one of these names, and no test file in its path: ${words.join(", ")}`,
      ]),
    );
  if (values.list) {
    console.log(suites.map((suite) => `${suite.name}: ${suite.files.length} files`).join("\n"));
    return 0;
  }
  const interruption = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const)
    process.on(name, () => {
      interruption.abort();
    });
  const startedMs = performance.now();
  const machine = await inspectMachine();
  console.log(
    `Node ${process.version}, ${machine.isRoot ? "root" : "not root"}, ` +
      `${machine.hasGo ? "Go" : "no Go"}; ${await installMissingPackages(machine, root)}`,
  );
  const outcomes = words.length === 0 ? [await runCheck(root)] : [];
  if (machine.isRoot && machine.hasGo && suites.some(({ needsParts }) => needsParts))
    outcomes.push(await prepareParts(interruption.signal, older));
  const before = processorTimes();
  const ended = await Promise.all(lanes.map((lane) => runLane(lane, suites, root, interruption.signal)));
  console.log(`\n${describeLanes(ended, before, processorTimes())}`);
  outcomes.push(...ended.flatMap((lane) => lane.outcomes));
  const isGood = summarize(outcomes, machine, performance.now() - startedMs);
  return isGood && !interruption.signal.aborted ? 0 : 1;
}

await runProgram({ name: "npm test", usage: USAGE, options, words: "any" }, main);
