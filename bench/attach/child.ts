import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

/** A program of the benchmark that runs by itself. */
export interface Child {
  readonly pid: number;
  /** Its next line on standard output; rejects if it ends before. */
  readonly line: () => Promise<string>;
  /** Ends it with SIGTERM and waits for its end. */
  readonly stop: () => Promise<void>;
}

/** Starts a program with this Node. What it says on standard error goes to ours. */
export function startChild(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Child {
  const child: ChildProcess = spawn(process.execPath, args, {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, ...environment },
  });
  const { pid, stdout } = child;
  if (pid === undefined || stdout === null) throw new Error(`${args.join(" ")} could not be started`);
  const lines = createInterface({ input: stdout })[Symbol.asyncIterator]();
  return {
    pid,
    line: async () => {
      const next = await lines.next();
      if (next.done === true) throw new Error(`${args.join(" ")} ended before it said anything`);
      return next.value;
    },
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, "exit");
      child.kill("SIGTERM");
      await exited;
    },
  };
}
