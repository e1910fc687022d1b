import { availableParallelism } from "node:os";
import type { FaultName } from "../faults/fault-names.ts";
import type { SeedResult } from "./run-seed.ts";
import { startSimThread } from "./start-sim-thread.ts";

/** Many seeds over all cores. */
export interface SeedsRequest {
  /** The seeds, in the order in which they begin; asked for as threads come free, so that it may go on without an end. */
  readonly seeds: Iterator<number>;
  readonly faults?: readonly FaultName[] | undefined;
  readonly mutation?: string | undefined;
  /** Default: one a core. */
  readonly threads?: number | undefined;
  /** Called with each seed as it ends; false: begin no more. */
  readonly onResult: (result: SeedResult) => boolean;
}

/** Runs seeds until there are no more, or `onResult` has had enough. Throws where the simulation itself fails. */
export async function runSeeds({ seeds, faults, mutation, threads, onResult }: SeedsRequest): Promise<void> {
  let isEnough = false;
  const runThread = async (): Promise<void> => {
    const thread = startSimThread({ mutation });
    try {
      while (!isEnough) {
        const next = seeds.next();
        if (next.done === true) return;
        if (!onResult(await thread.run({ kind: "seed", seed: next.value, faults }))) isEnough = true;
      }
    } finally {
      await thread.end();
    }
  };
  await Promise.all(Array.from({ length: threads ?? availableParallelism() }, runThread));
}

/** The numbers from the first to the last, both included. */
export function* seedRange([first, last]: readonly [number, number]): Generator<number, void, undefined> {
  for (let seed = first; seed <= last; seed++) yield seed;
}
