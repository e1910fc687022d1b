import { Worker } from "node:worker_threads";
import type { SeedResult } from "./run-seed.ts";
import type { SeedAnswer, SeedTask, SeedThreadData } from "./seed-thread.ts";

/** A thread that runs one scenario after the other. */
export interface SimThread {
  /** One at a time. Rejects where the simulation itself fails: a seed that can't be run proves nothing. */
  run(task: SeedTask): Promise<SeedResult>;
  end(): Promise<void>;
}

/** Starts a thread, with the driver's sources as they are or without a rule. */
export function startSimThread(data: SeedThreadData): SimThread {
  const worker = new Worker(new URL("seed-thread.ts", import.meta.url), { workerData: data });
  let waiting: { readonly task: SeedTask; readonly answered: PromiseWithResolvers<SeedResult> } | undefined;
  const fail = (why: string): void => {
    const { task, answered } = waiting ?? {};
    waiting = undefined;
    answered?.reject(new Error(`seed ${task?.kind === "seed" ? task.seed : (task?.scenario.seed ?? "?")} can't be run: ${why}`));
  };
  worker.on("error", (error) => fail(error instanceof Error ? (error.stack ?? error.message) : String(error)));
  worker.on("exit", (code) => fail(`its thread ended with code ${code}`));
  worker.on("message", (answer: SeedAnswer) => {
    if (answer.kind === "error") return fail(answer.error);
    const { answered } = waiting ?? {};
    waiting = undefined;
    answered?.resolve(answer.result);
  });
  return {
    run: (task) => {
      const answered = Promise.withResolvers<SeedResult>();
      waiting = { task, answered };
      worker.postMessage(task);
      return answered.promise;
    },
    end: async () => {
      await worker.terminate();
    },
  };
}
