import { spawn } from "node:child_process";
import { once } from "node:events";
import { access } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

/** A Node process of the benchmark's. */
export interface BenchProcess {
  readonly pid: number;
  readonly hasEnded: () => boolean;
  stop(): Promise<void>;
}

const READY_MAX_MS = 60_000;
const POLL_MS = 20;

/** Starts this Node with the given arguments. */
export function runProcess(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): BenchProcess {
  const child = spawn(process.execPath, args, {
    stdio: ["ignore", "ignore", "inherit"],
    env: { ...process.env, ...environment },
  });
  const { pid } = child;
  if (pid === undefined) throw new Error(`${process.execPath} could not be started`);
  const hasEnded = (): boolean => child.exitCode !== null || child.signalCode !== null;
  return {
    pid,
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
export async function untilPresent(path: string, maker: BenchProcess): Promise<void> {
  for (let waitedMs = 0; waitedMs < READY_MAX_MS; waitedMs += POLL_MS) {
    const isPresent = await access(path).then(
      () => true,
      () => false,
    );
    if (isPresent) return;
    if (maker.hasEnded()) throw new Error(`the process that should make ${path} has ended`);
    await sleep(POLL_MS);
  }
  throw new Error(`${path} did not appear within ${READY_MAX_MS / 1000} s`);
}
