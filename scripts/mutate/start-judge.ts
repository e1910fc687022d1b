import { Worker } from "node:worker_threads";
import type { JudgeAnswer, JudgeTask, JudgeThreadData } from "./judge-protocol.ts";

/** A thread that runs tests with one mutant after the other. */
export interface Judge {
  /** Runs one task at a time. `hung` if no answer came within the limit; the thread is gone then. */
  ask(task: JudgeTask, limitMs: number): Promise<JudgeAnswer | { readonly kind: "hung" }>;
  end(): Promise<void>;
}

/** Starts a thread. The output of its tests is discarded. */
export function startJudge(data: JudgeThreadData): Judge {
  const worker = new Worker(new URL("judge-thread.ts", import.meta.url), {
    workerData: data,
    stdout: true,
    stderr: true,
  });
  worker.stdout.resume();
  worker.stderr.resume();
  let answered: ((answer: JudgeAnswer) => void) | undefined;
  worker.on("message", (answer: JudgeAnswer) => answered?.(answer));
  worker.on("error", (error) =>
    answered?.({ kind: "error", why: error instanceof Error ? error.message : String(error) }),
  );
  worker.on("exit", (code) => answered?.({ kind: "error", why: `the thread ended with code ${code}` }));
  return {
    ask: async (task, limitMs) => {
      const { promise, resolve } = Promise.withResolvers<JudgeAnswer | { readonly kind: "hung" }>();
      answered = resolve;
      const timer = setTimeout(() => resolve({ kind: "hung" }), limitMs);
      worker.postMessage(task);
      const answer = await promise;
      clearTimeout(timer);
      answered = undefined;
      if (answer.kind === "hung") await worker.terminate();
      return answer;
    },
    end: async () => {
      await worker.terminate();
    },
  };
}
