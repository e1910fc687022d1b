import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { access } from "node:fs/promises";
import { createInterface } from "node:readline";
import { waitUntil } from "../testbed/lab/units/wait-until.ts";

const PRESENT_MAX_MS = 60_000;

/** A program of the benchmark in a process of its own. */
export interface Child {
  readonly pid: number;
  /** The next line on its standard output. Rejects if the process ends first. */
  readonly line: () => Promise<string>;
  readonly hasEnded: () => boolean;
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
  const hasEnded = (): boolean => child.exitCode !== null || child.signalCode !== null;
  const lines = createInterface({ input: stdout })[Symbol.asyncIterator]();
  return {
    pid,
    line: async () => {
      const next = await lines.next();
      if (next.done === true) throw new Error(`${args.join(" ")} ended before it said anything`);
      return next.value;
    },
    hasEnded,
    stop: async () => {
      if (hasEnded()) return;
      const exited = once(child, "exit");
      child.kill("SIGTERM");
      await exited;
    },
  };
}

/** Waits until a process has created a file, such as a socket. */
export async function untilPresent(path: string, maker: Child): Promise<void> {
  await waitUntil(path, { timeoutMs: PRESENT_MAX_MS, everyMs: 20 }, async () => {
    const isPresent = await access(path).then(
      () => true,
      () => undefined,
    );
    if (isPresent === undefined && maker.hasEnded())
      throw new Error(`the process that should make ${path} has ended`);
    return isPresent;
  });
}
