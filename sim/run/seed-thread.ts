import { parentPort, workerData } from "node:worker_threads";
import type { FaultName } from "../faults/fault-names.ts";
import type { Scenario } from "../scenario/scenario.ts";
import type { RunChoices, SeedResult } from "./run-seed.ts";

/** The start parameters of a thread. */
export interface SeedThreadData {
  /** A safety rule that the driver runs without here. */
  readonly mutation: string | undefined;
}

/** A thread's task: the scenario of a seed, or a given one. */
export type SeedTask =
  | {
      readonly kind: "seed";
      readonly seed: number;
      readonly faults: readonly FaultName[] | undefined;
      readonly isTraced?: boolean | undefined;
    }
  | ({ readonly kind: "scenario"; readonly scenario: Scenario } & RunChoices);

/** A thread's answer: `error` is a bug of the simulation itself. */
export type SeedAnswer =
  | { readonly kind: "result"; readonly result: SeedResult }
  | { readonly kind: "error"; readonly error: string };

const { mutation } = workerData as SeedThreadData;
if (mutation !== undefined) {
  const { loadMutated } = await import("../mutations/load-mutated.ts");
  loadMutated(mutation);
}
// Imported late: what is to be mutated must not have been loaded before.
const { runPlain, runSeed } = await import("./run-seed.ts");

async function answerTo(task: SeedTask): Promise<void> {
  const run =
    task.kind === "scenario"
      ? runPlain(task.scenario, task)
      : runSeed(task.seed, { faults: task.faults, isTraced: task.isTraced });
  const answer: SeedAnswer = await run.then(
    (result) => ({ kind: "result", result }),
    (error: unknown) => ({
      kind: "error",
      error: error instanceof Error ? (error.stack ?? error.message) : String(error),
    }),
  );
  parentPort?.postMessage(answer);
}

let last = Promise.resolve();
parentPort?.on("message", (task: SeedTask) => {
  last = last.then(() => answerTo(task));
});
