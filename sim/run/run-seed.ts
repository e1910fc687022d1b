import { compareEndStates } from "../checkers/rest/end-state.ts";
import type { FaultName } from "../faults/fault-names.ts";
import type { Violation } from "../history/violation.ts";
import { drawScenario } from "../scenario/draw-scenario.ts";
import { hasTwin } from "../scenario/has-twin.ts";
import { allFaults, type Scenario, withoutFaults } from "../scenario/scenario.ts";
import { type ScenarioResult, runScenario } from "./run-scenario.ts";

/** Lines of the trace that a failure keeps. */
const LINES_MAX = 5_000;

/** How a scenario is run. */
export interface RunChoices {
  /** Also without its faults, for comparison. */
  readonly isTwinned: boolean;
  /** All lines of the trace are kept, whatever the result. Default: no. */
  readonly isTraced?: boolean | undefined;
}

/**
 * The result of a seed: plain data, so that a thread can pass it to another. If every promise was kept
 * there are no objects, and no lines unless requested; otherwise the trace's last lines.
 */
export interface SeedResult extends Omit<ScenarioResult, "endState"> {
  readonly seed: number;
  /** Names of the fault variants that struck. */
  readonly faults: readonly string[];
}

/** Runs the scenario of a seed, and for some seeds its twin without faults. */
export async function runSeed(
  seed: number,
  options: Partial<RunChoices> & { readonly faults?: readonly FaultName[] | undefined } = {},
): Promise<SeedResult> {
  return runPlain(drawScenario(seed, options.faults), {
    isTwinned: options.isTwinned ?? hasTwin(seed),
    isTraced: options.isTraced,
  });
}

/** Runs a scenario. */
export async function runPlain(
  scenario: Scenario,
  { isTwinned, isTraced = false }: RunChoices,
): Promise<SeedResult> {
  const result = await runScenario(scenario);
  const twin =
    isTwinned && result.violations.length === 0 ? await runScenario(withoutFaults(scenario)) : undefined;
  const differences = twin === undefined ? [] : compareEndStates(result.endState, twin.endState);
  const violations: readonly Violation[] = [
    ...result.violations,
    ...(twin?.violations ?? []).map((violation) => ({
      ...violation,
      detail: `without any fault: ${violation.detail}`,
    })),
    ...differences.map((detail): Violation => ({
      invariant: "twin-differs",
      atMs: result.virtualMs,
      detail,
    })),
  ];
  const isKept = violations.length === 0;
  // After a failure only the run that failed; otherwise the twin does not matter.
  const traceLines = isKept || result.violations.length > 0 ? result.lines : (twin ?? result).lines;
  const { endState: _, ...rest } = result;
  return {
    ...rest,
    seed: scenario.seed,
    violations,
    lines: isTraced ? traceLines : isKept ? [] : traceLines.slice(-LINES_MAX),
    objects: isKept ? [] : result.objects,
    faults: allFaults(scenario).map(({ fault, variant }) => `${fault}/${variant}`),
  };
}
