import { startSuite } from "./start-suite.ts";
import type { Suite } from "./suites.ts";
import type { TestOutcome } from "./test-outcome.ts";

/** A slower test is named while the suite runs, in milliseconds. */
const SLOW_MS = 2_000;
/** Suites run side by side, so each line begins with its suite's name. In characters. */
const NAME_WIDTH = 20;

/** What a lane adds up. */
export interface ShownSuite {
  readonly outcomes: readonly TestOutcome[];
  readonly durationMs: number;
  readonly processorMs: number;
}

/**
 * Runs a suite and prints its outcomes as they arrive. If the suite as a whole ends badly, one failed
 * outcome is added.
 */
export async function showSuite(suite: Suite, root: string, signal: AbortSignal): Promise<ShownSuite> {
  const say = (text: string): void => {
    console.log(text.replaceAll(/^/gmu, suite.name.padEnd(NAME_WIDTH)));
  };
  const onOutcome = ({ name, file, result, reason, durationMs }: TestOutcome): void => {
    if (result === "failed") say(`FAIL ${name}\n    ${file}\n${indent(reason)}`);
    else if (durationMs > SLOW_MS) say(`${result} ${name}  ${seconds(durationMs)}`);
  };
  say(`${suite.files.length} files`);
  const result = await startSuite(suite, root, { onOutcome, onCheckpoint: say }, signal);
  const { outcomes, trouble, output, durationMs, processorMs } = result;
  const count = (result: TestOutcome["result"]): number =>
    outcomes.filter((outcome) => outcome.result === result).length;
  if (trouble !== undefined) say(`FAIL ${trouble}`);
  if ((trouble !== undefined || count("failed") > 0) && output.trim() !== "")
    say(`printed by the suite:\n${indent(output)}`);
  say(
    `${count("passed")} passed, ${count("failed")} failed, ${count("skipped")} skipped, ` +
      `${seconds(durationMs)}, of a processor ${seconds(processorMs)}`,
  );
  if (trouble === undefined) return { outcomes, durationMs, processorMs };
  const failure: TestOutcome = {
    name: `suite ${suite.name}`,
    file: `${suite.files.length} files`,
    result: "failed",
    reason: trouble,
    durationMs,
  };
  return { outcomes: [...outcomes, failure], durationMs, processorMs };
}

/** A duration for people. */
export function seconds(durationMs: number): string {
  return `${(durationMs / 1000).toFixed(1)} s`;
}

function indent(text: string): string {
  return text.trimEnd().replaceAll(/^/gmu, "    ");
}
