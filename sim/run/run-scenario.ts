import type { EndState } from "../checkers/rest/end-state.ts";
import type { Complaint } from "../checkers/rest/rest-world.ts";
import { createSimWorld, type SimWorlds } from "../create-sim-world.ts";
import type { TakenStep } from "../driver/process-slot.ts";
import type { Violation } from "../history/violation.ts";
import { allFaults, type Scenario } from "../scenario/scenario.ts";
import {
  type ClusterRun,
  createClusterRun,
  LOOK_MS,
  type Passing,
  REST_MAX_MS,
} from "./create-cluster-run.ts";
import { describeObjects } from "./describe-objects.ts";

/** The result of a run. */
export interface ScenarioResult {
  readonly violations: readonly Violation[];
  /** Of the first cluster. */
  readonly failovers: number;
  /** Virtual milliseconds in all. */
  readonly virtualMs: number;
  /** Virtual milliseconds from the end of the last fault until everything was as requested. */
  readonly healedMs: number;
  /** Of the first cluster. */
  readonly armCalls: number;
  /** Equal for two runs with the same trace. */
  readonly digest: string;
  /** The trace's lines. */
  readonly lines: readonly string[];
  /** Of all clusters: no two have a volume of one name. */
  readonly endState: readonly EndState[];
  /** The objects of each cluster's driver at the end. */
  readonly objects: readonly string[];
  /** The steps of each process of the first cluster. */
  readonly steps: readonly ProcessSteps[];
}

/** What a process did in a run. */
export interface ProcessSteps {
  readonly processName: string;
  /** In order. */
  readonly taken: readonly TakenStep[];
  /** How many of them it had begun when the first pods ran, and the storm began. */
  readonly beforeStorm: number;
  /** How many of them it had begun when the storm was over and healed: from then on pods are only moved. */
  readonly beforeCalm: number;
}

/** How long the first pods may take to run, in virtual milliseconds. */
const SETUP_MAX_MS = 15 * 60_000;
/** At rest, there is no complaint for this long. */
const QUIET_MS = 30_000;
const END_MAX_MS = 60_000;
/**
 * Pods are moved after the storm until there were this many failovers: faults may have used up their time.
 */
export const FAILOVERS_MIN = 10;
/** The same for the second cluster, which is smaller. */
const SECOND_FAILOVERS_MIN = 2;

/** Runs a scenario to its end, or to the first broken promise. */
export async function runScenario(scenario: Scenario): Promise<ScenarioResult> {
  const worlds = createSimWorld(scenario);
  const { clock } = worlds;
  const clusters = createRuns(scenario, worlds);
  const [first] = clusters;
  const isBroken = (): boolean => worlds.violations().length > 0;
  const ending = new AbortController();
  const stepsBeforeStorm = new Map<string, number>();
  const stepsBeforeCalm = new Map<string, number>();
  let hasEnded = false;
  const running = worlds
    .run(ending.signal)
    .catch((error: unknown) => {
      if (error !== ending.signal.reason) throw error;
    })
    .finally(() => (hasEnded = true));

  const pass: Passing["pass"] = async (ms) => {
    await clock.runUntil(isBroken, ms);
    for (const cluster of clusters) cluster.look();
    return !isBroken();
  };
  const until: Passing["until"] = async (isReached, limitMs) => {
    const endsAtMs = clock.elapsedMs() + limitMs;
    while (!isBroken() && !isReached()) {
      if (clock.elapsedMs() >= endsAtMs) return false;
      await pass(LOOK_MS);
    }
    return !isBroken();
  };
  const passing: Passing = { pass, until };

  /** Rest: no complaint for a while. */
  async function untilRest(): Promise<void> {
    let quietSinceMs = Number.POSITIVE_INFINITY;
    let last: readonly (readonly [ClusterRun, readonly Complaint[]])[] = [];
    const isAtRest = (): boolean => {
      last = clusters.map((cluster) => [cluster, cluster.complaints()]);
      const isQuiet = last.every(([, complaints]) => complaints.length === 0);
      quietSinceMs = isQuiet ? Math.min(quietSinceMs, clock.elapsedMs()) : Number.POSITIVE_INFINITY;
      return clock.elapsedMs() - quietSinceMs >= QUIET_MS;
    };
    if ((await until(isAtRest, REST_MAX_MS)) || isBroken()) return;
    for (const [{ world }, complaints] of last) for (const complaint of complaints) world.report(complaint);
  }

  /** Plans the deaths, and creates the workloads; false if their pods do not run in time. */
  async function setUp(): Promise<boolean> {
    for (const cluster of clusters) cluster.planDeaths();
    const isCounted = (): boolean => clusters.every((cluster) => cluster.isCounted());
    if (!isCounted()) await until(isCounted, SETUP_MAX_MS);
    for (const cluster of clusters) cluster.makeWorkloads();
    if (await until(() => clusters.every((cluster) => cluster.areAllRunning()), SETUP_MAX_MS)) return true;
    if (!isBroken())
      for (const cluster of clusters)
        for (const complaint of cluster.complaints()) cluster.world.report(complaint);
    return false;
  }

  /** The storm, and what operators do after it; false once a promise was broken. */
  async function weather(): Promise<boolean> {
    for (let next = nextAtMs(clusters); next !== undefined; next = nextAtMs(clusters)) {
      if (!(await pass(Math.max(0, next - clock.elapsedMs())))) return false;
      for (const { storm } of clusters) storm.doDue();
    }
    worlds.trace.note("weather", "the storm is over");
    const healing = clusters.map(({ storm }) => storm.healing());
    for (const at of healing[0]?.keys() ?? []) {
      const heals = healing.flatMap((steps) => steps[at] ?? []);
      for (const heal of heals) heal.act();
      if (!(await pass(Math.max(...heals.map((heal) => heal.thenMs()))))) return false;
    }
    return true;
  }

  function countSteps(counts: Map<string, number>): void {
    for (const slot of first.processes()) counts.set(slot.name, slot.stepsTaken().length);
  }

  /**
   * Everything in turn. Returns how long the world took to heal, in virtual milliseconds; 0 if it did not
   * come to that.
   */
  async function live(): Promise<number> {
    if (!(await setUp())) return 0;
    countSteps(stepsBeforeStorm);
    if (!(await weather())) return 0;
    const calmSinceMs = clock.elapsedMs();
    countSteps(stepsBeforeCalm);
    if (scenario.restsFirst === true) await untilRest();
    for (const cluster of clusters) if (!(await cluster.moveOn(passing))) return 0;
    for (const cluster of clusters) await cluster.growOffline(passing);
    if (!isBroken()) await untilRest();
    if (scenario.drainsAtRest === true && !isBroken()) {
      for (const cluster of clusters) cluster.drainOne();
      await untilRest();
    }
    if (scenario.deletesAll === true && !isBroken()) {
      for (const cluster of clusters) cluster.deleteAll();
      await untilRest();
    }
    for (const cluster of clusters) cluster.judgeCalls(allFaults(scenario).length);
    return clock.elapsedMs() - calmSinceMs;
  }

  try {
    const healedMs = await live();
    return {
      violations: [...worlds.violations()],
      failovers: first.failovers(),
      virtualMs: clock.elapsedMs(),
      healedMs,
      armCalls: first.armCalls(),
      digest: worlds.trace.digest(),
      lines: worlds.trace.lines(),
      endState: clusters.flatMap((cluster) => cluster.endState()),
      objects: clusters.flatMap(({ world }) => describeObjects(world.store)),
      steps: first.processes().map((slot) => ({
        processName: slot.name,
        taken: [...slot.stepsTaken()],
        beforeStorm: stepsBeforeStorm.get(slot.name) ?? 0,
        beforeCalm: stepsBeforeCalm.get(slot.name) ?? 0,
      })),
    };
  } finally {
    ending.abort(new Error("the run is over"));
    await clock.runUntil(() => hasEnded, END_MAX_MS);
    await running;
  }
}

function createRuns(scenario: Scenario, worlds: SimWorlds): readonly [ClusterRun, ...ClusterRun[]] {
  const { second, stormMs } = scenario;
  const first = createClusterRun({
    world: worlds,
    beside: worlds.second,
    scenario,
    failoversMin: FAILOVERS_MIN,
    movesMax: scenario.calmMovesMax,
  });
  if (second === undefined || worlds.second === undefined) return [first];
  return [
    first,
    createClusterRun({
      world: worlds.second,
      beside: worlds,
      scenario: { ...second, stormMs },
      failoversMin: SECOND_FAILOVERS_MIN,
    }),
  ];
}

/** When something is due next in any cluster's storm; undefined once all are over. */
function nextAtMs(clusters: readonly ClusterRun[]): number | undefined {
  const next = clusters.map(({ storm }) => storm.nextAtMs()).filter((atMs) => atMs !== undefined);
  return next.length === 0 ? undefined : Math.min(...next);
}
