import { Worker } from "node:worker_threads";
import { systemClock } from "../../src/adapters/system/system-clock.ts";
import type { SeedResult } from "./run-seed.ts";
import type { SeedAnswer, SeedTask, SeedThreadData } from "./seed-thread.ts";

/** A thread that runs one scenario after the other. */
export interface SimThread {
  /** One at a time. Rejects if the simulation itself fails: a seed that cannot be run proves nothing. */
  run(task: SeedTask): Promise<SeedResult>;
  end(): Promise<void>;
}

/**
 * No scenario takes so long, in milliseconds of real time: beyond it, a loop spins while virtual time
 * stands still. Beside other suites the simulation gets a small share of the processors only.
 */
const SCENARIO_MAX_MS = 3_000_000;
const ENDED = "ended";

/** Starts a thread, with the driver's sources as they are or without a rule. */
export function startSimThread(data: SeedThreadData): SimThread {
  const worker = new Worker(new URL("seed-thread.ts", import.meta.url), { workerData: data });
  let waiting:
    | {
        readonly task: SeedTask;
        readonly answered: PromiseWithResolvers<SeedResult>;
        readonly ended: AbortController;
      }
    | undefined;
  const take = (): Partial<NonNullable<typeof waiting>> => {
    const taken = waiting ?? {};
    waiting?.ended.abort(ENDED);
    waiting = undefined;
    return taken;
  };
  const fail = (why: string): void => {
    const { task, answered } = take();
    answered?.reject(
      new Error(
        `seed ${task?.kind === "seed" ? task.seed : (task?.scenario.seed ?? "?")} can't be run: ${why}`,
      ),
    );
  };
  worker.on("error", (error) =>
    fail(error instanceof Error ? (error.stack ?? error.message) : String(error)),
  );
  worker.on("exit", (code) => fail(`its thread ended with code ${code}`));
  worker.on("message", (answer: SeedAnswer) => {
    // The time limit of a running scenario keeps the process alive; an idle thread does not.
    worker.unref();
    if (answer.kind === "error") return fail(answer.error);
    take().answered?.resolve(answer.result);
  });
  return {
    run: (task) => {
      const answered = Promise.withResolvers<SeedResult>();
      const ended = new AbortController();
      waiting = { task, answered, ended };
      systemClock.sleep(SCENARIO_MAX_MS, ended.signal).then(
        () => fail(`it has not ended after ${SCENARIO_MAX_MS / 1_000} s`),
        () => undefined,
      );
      worker.postMessage(task);
      return answered.promise;
    },
    end: async () => {
      await worker.terminate();
    },
  };
}
