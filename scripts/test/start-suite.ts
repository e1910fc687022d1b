import { fork } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { getPriority, setPriority } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { hasCode } from "../../src/core/primitives/error-code.ts";
import { processorSecondsWithChildren } from "../child/processor-seconds.ts";
import { toolEnvironment } from "../child/run-command.ts";
import type { Lane, Suite } from "./suites.ts";
import type { SuiteMessage, SuiteQuestion, TestOutcome } from "./test-outcome.ts";

/** How a suite ended. `trouble` describes a fault of the process as a whole, apart from its tests. */
export interface SuiteResult {
  readonly outcomes: readonly TestOutcome[];
  readonly trouble: string | undefined;
  readonly output: string;
  readonly durationMs: number;
  /** Processor time of its process and of the children that it waited for: a lab's programs outlive it. */
  readonly processorMs: number;
}

/** Called while the suite runs. */
export interface SuiteNews {
  readonly onOutcome: (outcome: TestOutcome) => void;
  readonly onCheckpoint: (text: string) => void;
}

const RUNNER = fileURLToPath(new URL("run-suite.ts", import.meta.url));
/** A process that is only slow to answer, on a busy machine, is waited for; a stuck one is not. */
const ANSWER_MAX_MS = 20_000;
const POLL_MS = 200;
const MS_PER_SECOND = 1_000;
const OUTPUT_LINES_MAX = 200;
/** Niceness, from 0 to 19, unless this process has a higher one. */
const NICENESS: Readonly<Record<Lane, number>> = { cluster: 0, labs: 0, machine: 10, simulation: 19 };
/**
 * The same for the session of the suite as a whole (sched(7), autogroups): where the kernel groups processes
 * by session, it compares the sessions first, and a niceness counts only inside one.
 */
const SESSION_NICENESS: Readonly<Record<Lane, number>> = { cluster: 0, labs: 0, machine: 0, simulation: 19 };
/** Under the project's root: stripped and compiled sources, which each process and thread loads again. */
const COMPILE_CACHE = ".cache/node";

/** Runs a suite in a process group of its own, so that nothing that it started outlives it. */
export async function startSuite(
  suite: Suite,
  root: string,
  news: SuiteNews,
  signal: AbortSignal,
): Promise<SuiteResult> {
  const startedMs = performance.now();
  const outcomes: TestOutcome[] = [];
  const output: string[] = [];
  let running: readonly string[] = [suite.name];
  let lastNewsMs = startedMs;
  const answer = Promise.withResolvers<readonly string[]>();
  let trouble: string | undefined;

  const child = fork(RUNNER, [...suite.files], {
    cwd: root,
    env: { ...toolEnvironment(root), NODE_COMPILE_CACHE: join(root, COMPILE_CACHE) },
    detached: true,
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
  if (child.pid !== undefined) yieldToOthers(child.pid, suite.lane);
  const { promise: ended, resolve } = Promise.withResolvers<{ code: number | null; signal: string | null }>();
  child.on("close", (code, endSignal) => {
    resolve({ code, signal: endSignal });
  });
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding("utf8").on("data", (chunk: string) => output.push(chunk));
  child.on("message", (message: SuiteMessage) => {
    lastNewsMs = performance.now();
    if (message.kind === "OpenResources") answer.resolve(message.resources);
    if (message.kind === "Note") news.onCheckpoint(message.text);
    if (message.kind === "Running") running = message.names;
    if (message.kind === "Outcome") {
      outcomes.push(message.outcome);
      news.onOutcome(message.outcome);
    }
  });

  const stop = async (why: string): Promise<void> => {
    if (trouble !== undefined) return;
    trouble = why;
    if (child.connected) child.send({ kind: "WhatIsOpen" } satisfies SuiteQuestion);
    const noAnswer = setTimeout(() => answer.resolve([]), ANSWER_MAX_MS);
    const openResources = await Promise.race([answer.promise, ended.then(() => [])]);
    clearTimeout(noAnswer);
    if (openResources.length > 0) trouble = `${why}; open: ${openResources.join(", ")}`;
    killGroup(child);
  };
  const stopping: Promise<void>[] = [];
  let processorMs = 0;
  const watch = setInterval(() => {
    const nowMs = performance.now();
    const processorSeconds = child.pid === undefined ? undefined : processorSecondsWithChildren(child.pid);
    if (processorSeconds !== undefined) processorMs = processorSeconds * MS_PER_SECOND;
    if (nowMs - startedMs > suite.timeoutMs)
      stopping.push(
        stop(`not done after ${suite.timeoutMs / 1000} s; at: ${running.join(" › ") || "no test"}`),
      );
    else if (running.length === 0 && nowMs - lastNewsMs > suite.idleMaxMs)
      stopping.push(stop("a test left something open that keeps the process alive"));
  }, POLL_MS);
  const onAbort = (): void => {
    stopping.push(stop("interrupted"));
  };
  signal.addEventListener("abort", onAbort);

  const end = await ended;
  clearInterval(watch);
  signal.removeEventListener("abort", onAbort);
  await Promise.all(stopping);
  killGroup(child);
  if (trouble === undefined && end.signal !== null)
    trouble = `its process was ended by ${end.signal}; at: ${running.join(" › ") || "no test"}`;
  if (trouble === undefined && end.code !== 0 && outcomes.every((outcome) => outcome.result !== "failed"))
    trouble = `its process ended with code ${end.code}`;
  if (trouble === undefined && outcomes.length === 0) trouble = "none of its files has a test";
  return {
    outcomes,
    trouble,
    output: output.join("").split("\n").slice(-OUTPUT_LINES_MAX).join("\n"),
    durationMs: performance.now() - startedMs,
    processorMs,
  };
}

/** Kills the suite's process and everything in its group. A process that is gone already is no error. */
function yieldToOthers(pid: number, lane: Lane): void {
  setPriority(pid, Math.max(getPriority(), NICENESS[lane]));
  const session = `/proc/${pid}/autogroup`;
  // Absent where the kernel does not group by session.
  if (existsSync(session)) writeFileSync(session, String(SESSION_NICENESS[lane]));
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch (error) {
    if (!hasCode(error, "ESRCH")) throw error;
  }
}
