import { availableParallelism } from "node:os";
import type { FaultName } from "../faults/fault-names.ts";
import { type DirectedStorm, drawDirected } from "../scenario/storm/directed-storm.ts";
import type { SeedResult } from "./run-seed.ts";
import type { SeedTask } from "./seed-thread.ts";
import { type SimThread, startSimThread } from "./start-sim-thread.ts";
import { keepWarm, takeWarm } from "./warm-threads.ts";

/** How tasks are run. */
interface Threads {
  /** A safety rule that the driver runs without. */
  readonly mutation?: string | undefined;
  /** Default: one a core. */
  readonly threads?: number | undefined;
}

/** Many scenarios over all cores. */
export interface TasksRequest extends Threads {
  /** In the order in which they begin; requested as threads become free, so it may be endless. */
  readonly tasks: Iterator<SeedTask>;
  /** Called with each as it ends; false: begin no more. */
  readonly onResult: (result: SeedResult, task: SeedTask) => boolean;
}

/**
 * Runs scenarios until there are no more, or `onResult` returns false. Throws if the simulation itself
 * fails.
 */
export async function runTasks({ tasks, mutation, threads, onResult }: TasksRequest): Promise<void> {
  let isEnough = false;
  const runThread = async (): Promise<void> => {
    let thread: SimThread | undefined;
    try {
      while (!isEnough) {
        const next = tasks.next();
        if (next.done === true) break;
        thread ??= mutation === undefined ? takeWarm() : startSimThread({ mutation });
        if (!onResult(await thread.run(next.value), next.value)) isEnough = true;
      }
    } catch (error) {
      await thread?.end();
      throw error;
    }
    if (thread === undefined) return;
    if (mutation === undefined) keepWarm(thread);
    else await thread.end();
  };
  await Promise.all(Array.from({ length: threads ?? availableParallelism() }, runThread));
}

/** How the scenario of a seed is made. */
export interface SeedChoices {
  readonly faults?: readonly FaultName[] | undefined;
  /** Instead of any storm: this one, and without twins. */
  readonly storm?: DirectedStorm | undefined;
  /** All lines of each trace are kept. Default: only those of failures. */
  readonly isTraced?: boolean | undefined;
}

/** Many seeds over all cores. */
export interface SeedsRequest extends Threads, SeedChoices {
  readonly seeds: Iterable<number>;
  /** Called with each seed as it ends; false: begin no more. */
  readonly onResult: (result: SeedResult) => boolean;
}

/** Runs the scenarios of seeds, as `runTasks` does. */
export async function runSeeds(request: SeedsRequest): Promise<void> {
  const { seeds, mutation, threads, onResult } = request;
  function* tasks(): Generator<SeedTask, void, undefined> {
    for (const seed of seeds) yield taskOf(seed, request);
  }
  await runTasks({ tasks: tasks(), mutation, threads, onResult });
}

/** The task that runs the scenario of a seed. */
export function taskOf(seed: number, { faults, storm, isTraced }: SeedChoices): SeedTask {
  return storm === undefined
    ? { kind: "seed", seed, faults, isTraced }
    : { kind: "scenario", scenario: drawDirected(seed, storm), isTwinned: false, isTraced };
}

/** The numbers from the first to the last, both included. */
export function* seedRange([first, last]: readonly [number, number]): Generator<number, void, undefined> {
  for (let seed = first; seed <= last; seed++) yield seed;
}
