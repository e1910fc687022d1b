import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

/** A program of the benchmark in a process of its own. */
export interface Child {
  readonly pid: number;
  /** The next line on its standard output. Rejects if the process ends first. */
  readonly line: () => Promise<string>;
  /** Sends SIGTERM and waits until the process has ended. */
  readonly stop: () => Promise<void>;
}

/** Starts a program with this Node. Its standard error goes to this process's. */
export function startChild(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Child {
  return startProgram(process.execPath, args, environment, "inherit");
}

/** Starts any program. `standardError`: where its own goes. */
export function startProgram(
  program: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
  standardError: "inherit" | "ignore",
): Child {
  const child: ChildProcess = spawn(program, args, {
    stdio: ["ignore", "pipe", standardError],
    env: { ...process.env, ...environment },
  });
  const { pid, stdout } = child;
  if (pid === undefined || stdout === null)
    throw new Error(`${program} ${args.join(" ")} could not be started`);
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
