import { invariant } from "../../src/core/invariant.ts";
import type { StepName } from "../../src/ports/steps.ts";
import { type DesiredVolume } from "../checkers/desired-volume.ts";
import { type EndState, endStateOf } from "../checkers/end-state.ts";
import { judgeDesired } from "../checkers/judge-desired.ts";
import { judgeLeaks } from "../checkers/judge-leaks.ts";
import type { Complaint } from "../checkers/rest-world.ts";
import { watchCutOffs } from "../checkers/watch-cut-offs.ts";
import { watchDeletions } from "../checkers/watch-deletions.ts";
import { watchFormats } from "../checkers/watch-formats.ts";
import { watchGrants } from "../checkers/watch-grants.ts";
import { watchLuns } from "../checkers/watch-luns.ts";
import { watchMounts } from "../checkers/watch-mounts.ts";
import { watchPace } from "../checkers/watch-pace.ts";
import { watchPreemptions } from "../checkers/watch-preemptions.ts";
import { watchReplicas } from "../checkers/watch-replicas.ts";
import { watchStrangers } from "../checkers/watch-strangers.ts";
import { watchWriters } from "../checkers/watch-writers.ts";
import { createSimWorld } from "../create-sim-world.ts";
import type { ProcessSlot } from "../driver/process-slot.ts";
import { createOutsideEvents } from "../history/outside-events.ts";
import type { Violation } from "../history/violation.ts";
import { createVmChanges } from "../history/vm-changes.ts";
import { describeObjects } from "./describe-objects.ts";
import { createDesiredVolumes } from "./desired-volumes.ts";
import { createOperations } from "./operations.ts";
import type { Scenario } from "./scenario.ts";
import { createStorm } from "./storm.ts";

/** What came of a run. */
export interface ScenarioResult {
  readonly violations: readonly Violation[];
  readonly failovers: number;
  /** Virtual milliseconds in all. */
  readonly virtualMs: number;
  /** Virtual milliseconds from the end of the last fault until everything was as desired. */
  readonly healedMs: number;
  readonly armCalls: number;
  /** Two runs that share it noted the same. */
  readonly digest: string;
  /** The trace's lines. */
  readonly lines: readonly string[];
  readonly endState: readonly EndState[];
  /** What the driver's objects say at the end. */
  readonly objects: readonly string[];
  /** The steps that each process took, in order. */
  readonly steps: readonly { readonly processName: string; readonly taken: readonly StepName[] }[];
}

/** How long the first pods may take to run, in virtual milliseconds. */
const SETUP_MAX_MS = 15 * 60_000;
/** How long the world may take from the end of the last fault until it is at rest: Kubernetes' longest back-off is 5 minutes, and so is the collection of replicas. */
const REST_MAX_MS = 30 * 60_000;
const LOOK_MS = 5_000;
/** At rest, nothing is complained of for this long. */
const QUIET_MS = 30_000;
const END_MAX_MS = 60_000;
/** Pods are moved on after the storm until there were this many failovers: faults may have used up their time. */
export const FAILOVERS_MIN = 10;
const MOVES_AFTER_STORM_MAX = 16;
/** Calls to Azure that a run may take: some for each volume and each failover, for faults that make them try again, and for each minute. */
const ARM_CALLS = { base: 130, perFailover: 20, perFault: 100, perMinute: 10 } as const;

/** Runs a scenario to its end, or to the first broken promise. */
export async function runScenario(scenario: Scenario): Promise<ScenarioResult> {
  const { seed, nodes, attach, vmSize, collectReplicasAfterMs } = scenario;
  const world = createSimWorld({ seed, nodes, attach, vmSize, collectReplicasAfterMs });
  const { clock, cluster, azure } = world;
  const outside = createOutsideEvents(clock);
  const vmChanges = createVmChanges(azure.model.journal);
  const desired = createDesiredVolumes();
  const zoneOf = (nodeName: string): string => azure.vmOf(nodeName)?.zones[0] ?? "";
  /** Those that there were at first, and those that have come since. */
  const nodeNames = (): readonly string[] => [...new Set([...scenario.nodes.map(({ name }) => name), ...azure.machines().map(({ nodeName }) => nodeName)])];
  watchWriters(world);
  // Azure's clock is the world's, and no fault moves it.
  const startedAtMs = clock.nowMs() - clock.elapsedMs();
  const elapsedMsAt = (atMs: number): number => atMs - startedAtMs;
  watchCutOffs({ ...world, outside, vmChanges, elapsedMsAt });
  watchReplicas({ ...world, outside }, attach);
  if (attach === "driver") watchGrants({ ...world, outside });
  watchMounts({ ...world, outside });
  watchFormats({ ...world, outside });
  watchLuns(world, {
    disksMax: (machine) =>
      [...azure.model.world.virtualMachines.values()].find(({ vmGuid }) => vmGuid === machine.vmGuid)?.size.dataDisksMax ?? Number.POSITIVE_INFINITY,
    sharesMax: (diskUri) => azure.model.world.disks.get(diskUri.toLowerCase())?.spec.maxShares ?? Number.POSITIVE_INFINITY,
  });
  const pace = watchPace({ ...world, journal: azure.model.journal });
  const deletions = watchDeletions({ ...world, journal: azure.model.journal, elapsedMsAt });
  const strangers = watchStrangers({ ...world, journal: azure.model.journal });
  const preemptions = watchPreemptions({ ...world, journal: azure.model.journal, operations: () => azure.model.world.operations.values() });
  const isBroken = (): boolean => world.violations().length > 0;
  const ending = new AbortController();
  let hasEnded = false;
  const running = world
    .run(ending.signal)
    .catch((error: unknown) => {
      if (error !== ending.signal.reason) throw error;
    })
    .finally(() => (hasEnded = true));

  /** Lets time pass; false once a promise was broken. */
  async function pass(ms: number): Promise<boolean> {
    await clock.runUntil(isBroken, ms);
    pace.look();
    deletions.look();
    strangers.look();
    preemptions.look();
    return !isBroken();
  }
  /** Lets time pass until a condition holds, looking now and then; false if a promise was broken, or it took too long. */
  async function until(isReached: () => boolean, limitMs: number): Promise<boolean> {
    const endsAtMs = clock.elapsedMs() + limitMs;
    while (!isBroken() && !isReached()) {
      if (clock.elapsedMs() >= endsAtMs) return false;
      await pass(LOOK_MS);
    }
    return !isBroken();
  }
  const complaints = (): readonly Complaint[] => [
    ...judgeDesired(world, desired.all(), zoneOf),
    ...judgeLeaks(world, desired.all()),
    ...cluster.unsettled().map((detail): Complaint => ({ invariant: "not-converged", detail: `Kubernetes waits: ${detail}` })),
  ];
  const isRunning = ({ volumeName, pods }: DesiredVolume): boolean =>
    pods === 0 || cluster.pods().some((pod) => pod.volumeName === volumeName && pod.phase === "Running" && pod.isReady && !pod.isDeleted);

  const operations = createOperations({ world, desired, nodeNames });
  const storm = createStorm({ scenario, world, nodeNames, outside, vmChanges, desired, operations });

  /** Rest: nothing to complain of, for a while. */
  async function untilRest(): Promise<void> {
    let quietSinceMs = Number.POSITIVE_INFINITY;
    let last: readonly Complaint[] = [];
    const isAtRest = (): boolean => {
      last = complaints();
      quietSinceMs = last.length > 0 ? Number.POSITIVE_INFINITY : Math.min(quietSinceMs, clock.elapsedMs());
      return clock.elapsedMs() - quietSinceMs >= QUIET_MS;
    };
    if ((await until(isAtRest, REST_MAX_MS)) || isBroken()) return;
    for (const complaint of last) world.report(complaint);
  }

  const processes = (): readonly ProcessSlot[] => [
    ...world.controllers,
    ...nodeNames()
      .map((name) => world.nodePlugin(name))
      .filter((plugin) => plugin !== undefined),
  ];

  /** Plans the deaths, and makes the workloads; false if their pods don't come to run. */
  async function setUp(): Promise<boolean> {
    for (const { processName, ...crash } of scenario.crashes ?? []) {
      const slot = processes().find(({ name }) => name === processName);
      invariant(slot !== undefined, `there is no process ${processName}`);
      slot.crashAt(crash);
    }
    // Until a driver is registered on a node nobody counts what fits there. Where nodes are small, its start-up taint keeps pods away for as long.
    const isCounted = (): boolean => scenario.vmSize === undefined || cluster.nodes().every(({ volumesMax }) => volumesMax !== undefined);
    if (!isCounted()) await until(isCounted, SETUP_MAX_MS);
    for (const workload of scenario.workloads) operations.act({ kind: "apply", workload });
    if (await until(() => desired.all().every(isRunning), SETUP_MAX_MS)) return true;
    for (const complaint of isBroken() ? [] : complaints()) world.report(complaint);
    return false;
  }

  /** The storm, and what operators do after it; false once a promise was broken. */
  async function weather(): Promise<boolean> {
    for (let next = storm.nextAtMs(); next !== undefined; next = storm.nextAtMs()) {
      if (!(await pass(Math.max(0, next - clock.elapsedMs())))) return false;
      storm.doDue();
    }
    world.trace.note("weather", "the storm is over");
    for (const heal of storm.healing()) {
      heal.act();
      if (!(await pass(heal.thenMs()))) return false;
    }
    return true;
  }

  /** Moves pods on until there were enough failovers; false once a promise was broken. */
  async function moveOn(): Promise<boolean> {
    for (let moved = 0; cluster.failovers() < FAILOVERS_MIN && moved < MOVES_AFTER_STORM_MAX; moved++) {
      const movable = desired.all().filter(({ exists, isDestroyed, pods }) => exists && !isDestroyed && pods === 1);
      const target = movable[moved % Math.max(1, movable.length)];
      if (target === undefined || !(await until(() => isRunning(target), REST_MAX_MS))) break;
      operations.act({ kind: "move", volumeName: target.volumeName, isForced: false });
      if (!(await pass(LOOK_MS))) return false;
      operations.uncordonAll();
    }
    return true;
  }

  async function growOffline(): Promise<void> {
    for (const { volumeName } of operations.toGrowOffline()) {
      operations.act({ kind: "scale", volumeName, pods: 0 });
      if (!(await until(() => operations.hasGrown(volumeName), REST_MAX_MS))) return;
      operations.act({ kind: "scale", volumeName, pods: 1 });
    }
  }

  function judgeCalls(): void {
    const minutes = clock.elapsedMs() / 60_000;
    const callsMax =
      ARM_CALLS.base + ARM_CALLS.perFailover * cluster.failovers() + ARM_CALLS.perFault * scenario.faults.length + Math.ceil(ARM_CALLS.perMinute * minutes);
    if (pace.armCalls() > callsMax) world.report({ invariant: "arm-budget", detail: `${pace.armCalls()} calls to Azure; ${callsMax} are allowed` });
  }

  /** Everything in turn. Answers how long the world took to heal, in virtual milliseconds; 0 where it did not come to that. */
  async function live(): Promise<number> {
    if (!(await setUp()) || !(await weather())) return 0;
    const calmSinceMs = clock.elapsedMs();
    if (!(await moveOn())) return 0;
    await growOffline();
    if (!isBroken()) await untilRest();
    judgeCalls();
    return clock.elapsedMs() - calmSinceMs;
  }

  try {
    const healedMs = await live();
    return {
      violations: [...world.violations()],
      failovers: cluster.failovers(),
      virtualMs: clock.elapsedMs(),
      healedMs,
      armCalls: pace.armCalls(),
      digest: world.trace.digest(),
      lines: world.trace.lines(),
      endState: endStateOf(world, desired.all()),
      objects: describeObjects(world.store),
      steps: processes().map((slot) => ({ processName: slot.name, taken: [...slot.stepsTaken()] })),
    };
  } finally {
    ending.abort(new Error("the run is over"));
    await clock.runUntil(() => hasEnded, END_MAX_MS);
    await running;
  }
}
