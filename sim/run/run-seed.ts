import { compareEndStates } from "../checkers/end-state.ts";
import type { FaultName } from "../faults/fault-names.ts";
import type { Violation } from "../history/violation.ts";
import { drawScenario } from "./draw-scenario.ts";
import { type ScenarioResult, runScenario } from "./run-scenario.ts";
import type { Scenario } from "./scenario.ts";

/** One seed in so many is also run without its faults, and has to end the same. All of them are held to what their users desired, and so is the twin. */
const TWIN_EVERY = 32;
/** Lines of the trace that a failure keeps. */
const LINES_MAX = 5_000;

/** What came of a seed: plain data, so that a thread can hand it to another. Where every promise was kept there are no lines and no objects, else the trace's last lines. */
export interface SeedResult extends Omit<ScenarioResult, "endState"> {
  readonly seed: number;
  /** Names of the fault variants that struck. */
  readonly faults: readonly string[];
}

/** Runs the scenario of a seed, and now and then its twin without faults. */
export async function runSeed(seed: number, options: { readonly faults?: readonly FaultName[]; readonly isTwinned?: boolean } = {}): Promise<SeedResult> {
  return runPlain(drawScenario(seed, options.faults), options.isTwinned ?? seed % TWIN_EVERY === 0);
}

/** Runs a scenario; `isTwinned`: also without faults, to compare. */
export async function runPlain(scenario: Scenario, isTwinned: boolean): Promise<SeedResult> {
  const result = await runScenario(scenario);
  const twin = isTwinned && result.violations.length === 0 ? await runScenario({ ...scenario, faults: [] }) : undefined;
  const differences = twin === undefined ? [] : compareEndStates(result.endState, twin.endState);
  const violations: readonly Violation[] = [
    ...result.violations,
    ...(twin?.violations ?? []).map((violation) => ({ ...violation, detail: `without any fault: ${violation.detail}` })),
    ...differences.map((detail): Violation => ({ invariant: "twin-differs", atMs: result.virtualMs, detail })),
  ];
  const { endState: _, ...rest } = result;
  return {
    ...rest,
    seed: scenario.seed,
    violations,
    lines: violations.length === 0 ? [] : (result.violations.length > 0 ? result.lines : (twin ?? result).lines).slice(-LINES_MAX),
    objects: violations.length === 0 ? [] : result.objects,
    faults: scenario.faults.map(({ fault, variant }) => `${fault}/${variant}`),
  };
}
