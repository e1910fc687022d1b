import { invariant } from "../../src/core/failure/invariant.ts";
import { type DesiredVolume } from "../checkers/rest/desired-volume.ts";
import { type EndState, endStateOf } from "../checkers/rest/end-state.ts";
import { judgeDesired } from "../checkers/rest/judge-desired.ts";
import { judgeFreezes } from "../checkers/rest/judge-freezes.ts";
import { judgeLabels } from "../checkers/rest/judge-labels.ts";
import { judgeLeaks } from "../checkers/rest/judge-leaks.ts";
import { judgeSnapshots } from "../checkers/rest/judge-snapshots.ts";
import type { Complaint } from "../checkers/rest/rest-world.ts";
import { defaultSettings } from "../driver/create-controller-place.ts";
import type { ProcessSlot } from "../driver/process-slot.ts";
import { createOutsideEvents } from "../history/outside-events.ts";
import { createVmChanges } from "../history/vm-changes.ts";
import { createDesiredVolumes } from "../scenario/desired-volumes.ts";
import { createOperations } from "../scenario/operations.ts";
import type { ClusterScenario } from "../scenario/scenario.ts";
import { createStorm, type Storm } from "../scenario/storm/storm.ts";
import type { SimWorld } from "../world.ts";
import { watchPromises } from "./watch-promises.ts";

/** How time passes in a run. */
export interface Passing {
  /** Lets time pass, in milliseconds; false once a promise was broken. */
  pass(ms: number): Promise<boolean>;
  /**
   * Lets time pass until a condition holds, checking now and then; false if a promise was broken, or it
   * took longer than `limitMs`.
   */
  until(isReached: () => boolean, limitMs: number): Promise<boolean>;
}

/** One cluster of a run: its users, its storm, and its checkers. */
export interface ClusterRun {
  readonly world: SimWorld;
  readonly storm: Storm;
  readonly failovers: () => number;
  /** Its calls to Azure so far. */
  readonly armCalls: () => number;
  readonly processes: () => readonly ProcessSlot[];
  /**
   * Collects what the checkers find in the calls since the last look. After the storm users look, too: they
   * give up copies that cannot be made any more.
   */
  look(): void;
  /** Plans the deaths in the scenario. */
  planDeaths(): void;
  /**
   * Whether the capacity of each node is known: on small nodes the driver's start-up taint keeps pods away
   * until it is.
   */
  isCounted(): boolean;
  makeWorkloads(): void;
  areAllRunning(): boolean;
  /** The reasons why it is not at rest. */
  complaints(): readonly Complaint[];
  /** Moves pods until there were enough failovers, or moves; false once a promise was broken. */
  moveOn(passing: Passing): Promise<boolean>;
  /** Grows volumes that can only grow while no pod uses them. */
  growOffline(passing: Passing): Promise<void>;
  /** A node with a pod is drained, and stays so: no replica may be left there then. */
  drainOne(): void;
  /** Users delete every volume and every snapshot: nothing of them may be left then. */
  deleteAll(): void;
  /**
   * Compares its calls to Azure with a budget. `faultCount`: of all clusters, since faults of Azure affect
   * them all.
   */
  judgeCalls(faultCount: number): void;
  endState(): readonly EndState[];
}

/**
 * How long the world may take from the end of the last fault until it is at rest: Kubernetes' longest
 * back-off is 5 minutes, and so is the pruning of replicas.
 */
export const REST_MAX_MS = 30 * 60_000;
export const LOOK_MS = 5_000;
const MOVES_AFTER_STORM_MAX = 16;
const COPYING: readonly string[] = ["snapshot", "restore", "clone"];
/**
 * Calls to Azure that a run may take: some for each volume, each failover and each snapshot or copy, for
 * faults that cause retries, and for each minute. A restored backup from an earlier store incarnation takes
 * a rebuild of every record for each incarnation since: the nodes report that they have seen a later one
 * until the incarnation is above that.
 */
const ARM_CALLS = {
  base: 130,
  perFailover: 20,
  perFault: 100,
  perLostIncarnation: 60,
  perSnapshot: 40,
  perMinute: 10,
} as const;

/**
 * A cluster of a run, from the creation of its world. `beside`: the cluster that shares its resource
 * group.
 */
export function createClusterRun(parts: {
  readonly world: SimWorld;
  readonly beside: SimWorld | undefined;
  readonly scenario: ClusterScenario & { readonly stormMs: number };
  /** The required number of failovers. */
  readonly failoversMin: number;
  /** After so many moves in the calm there may be fewer. */
  readonly movesMax?: number | undefined;
}): ClusterRun {
  const { world, beside, scenario, failoversMin, movesMax = MOVES_AFTER_STORM_MAX } = parts;
  const { clock, cluster, azure } = world;
  const outside = createOutsideEvents(clock);
  const vmChanges = createVmChanges(azure.model.journal);
  cluster.onNodeChange((previous, current) => {
    if (current?.isMarkedByDriver === true) outside.noteOutOfService(current.name, true);
    else if (previous?.isMarkedByDriver === true)
      outside.noteOutOfService(previous.name, current?.isOutOfService === true);
  });
  const desired = createDesiredVolumes();
  const watch = watchPromises(world, {
    attach: scenario.attach,
    settings: { ...defaultSettings, ...scenario.settings },
    outside,
    vmChanges,
  });
  /** The initial nodes, and those added since. */
  const nodeNames = (): readonly string[] => [
    ...new Set([
      ...scenario.nodes.map(({ name }) => name),
      ...azure.machines().map(({ nodeName }) => nodeName),
    ]),
  ];
  const operations = createOperations({ world, desired, nodeNames });
  const storm = createStorm({ scenario, world, beside, nodeNames, outside, vmChanges, desired, operations });

  const isRunning = ({ volumeName, pods, members }: DesiredVolume): boolean =>
    pods === 0 ||
    cluster
      .pods()
      .filter(
        (pod) => pod.volumeName === volumeName && pod.phase === "Running" && pod.isReady && !pod.isDeleted,
      ).length >= members;
  const processes = (): readonly ProcessSlot[] => [
    ...world.controllers,
    ...nodeNames()
      .map((name) => world.nodePlugin(name))
      .filter((plugin) => plugin !== undefined),
  ];

  return {
    world,
    storm,
    failovers: cluster.failovers,
    armCalls: watch.armCalls,
    processes,
    look: () => {
      watch.look();
      if (storm.nextAtMs() !== undefined) return;
      operations.giveUpCopies();
      operations.acceptConversions();
      operations.acceptSizes();
    },
    planDeaths: () => {
      for (const { processName, ...crash } of scenario.crashes ?? []) {
        const slot = processes().find(({ name }) => name === processName);
        invariant(slot !== undefined, `there is no process ${processName}`);
        slot.crashAt(crash);
      }
    },
    isCounted: () =>
      scenario.vmSize === undefined || cluster.nodes().every(({ volumesMax }) => volumesMax !== undefined),
    makeWorkloads: () => {
      for (const workload of scenario.workloads) operations.act({ kind: "apply", workload });
    },
    areAllRunning: () => desired.all().every(isRunning),
    complaints: () => [
      ...judgeDesired(world, desired.all()),
      ...judgeLeaks(world, desired.all()),
      ...judgeLabels(world),
      ...judgeSnapshots(world),
      ...judgeFreezes(world),
      ...cluster
        .unfinished()
        .map((detail): Complaint => ({ invariant: "not-converged", detail: `Kubernetes waits: ${detail}` })),
    ],
    moveOn: async ({ pass, until }) => {
      for (let moved = 0; cluster.failovers() < failoversMin && moved < movesMax; moved++) {
        const movable = desired
          .all()
          .filter(({ exists, isDestroyed, pods }) => exists && !isDestroyed && pods === 1);
        const target = movable[moved % Math.max(1, movable.length)];
        if (target === undefined) break;
        const isMovable = (): boolean => desired.find(target.volumeName) === undefined || isRunning(target);
        if (!(await until(isMovable, REST_MAX_MS))) break;
        operations.act({ kind: "move", volumeName: target.volumeName, isForced: false });
        if (!(await pass(LOOK_MS))) return false;
        operations.uncordonAll();
      }
      return true;
    },
    growOffline: async ({ until }) => {
      for (const { volumeName } of operations.toGrowOffline()) {
        operations.act({ kind: "scale", volumeName, pods: 0 });
        if (!(await until(() => operations.hasGrown(volumeName), REST_MAX_MS))) return;
        operations.act({ kind: "scale", volumeName, pods: 1 });
      }
    },
    drainOne: () => {
      const [pod] = cluster.pods();
      if (pod?.nodeName !== undefined) cluster.drain(pod.nodeName);
    },
    deleteAll: () => {
      for (const { name } of cluster.volumeSnapshots()) operations.act({ kind: "deleteSnapshot", name });
      for (const { volumeName } of desired.all()) operations.act({ kind: "delete", volumeName });
    },
    judgeCalls: (faultCount) => {
      const minutes = clock.elapsedMs() / 60_000;
      const callsMax =
        ARM_CALLS.base +
        ARM_CALLS.perFailover * cluster.failovers() +
        ARM_CALLS.perFault * faultCount +
        ARM_CALLS.perLostIncarnation * watch.incarnationsLost() +
        ARM_CALLS.perSnapshot * scenario.acts.filter(({ act }) => COPYING.includes(act.kind)).length +
        Math.ceil(ARM_CALLS.perMinute * minutes);
      if (watch.armCalls() > callsMax)
        world.report({
          invariant: "arm-budget",
          detail: `${watch.armCalls()} calls to Azure; ${callsMax} are allowed`,
        });
    },
    endState: () => endStateOf(world, desired.all()),
  };
}
