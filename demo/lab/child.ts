import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";

/** A process of the demo. */
export interface Child {
  readonly name: string;
  readonly pid: number;
  /** Its standard error so far. */
  readonly log: () => string;
  /**
   * The first line of standard output that `matches` accepts, earlier lines included. Rejects if the
   * process ends first or after the timeout.
   */
  untilLine(matches: (line: string) => boolean, timeoutMs: number): Promise<string>;
  readonly lines: () => readonly string[];
  kill(signal: NodeJS.Signals): void;
  /** Calls `tell` when the process has ended: with its exit code, or the signal that killed it. */
  onEnd(tell: (how: string) => void): void;
  /**
   * Sends SIGTERM, kills the process after the grace period, and waits until it is gone. Rejects if it is in
   * a call of the kernel that does not end within another one.
   */
  stop(graceMs: number): Promise<void>;
}

const LOG_MAX_CHARS = 1_000_000;

/** Starts a process that the demo ends. */
export function startChild(
  name: string,
  command: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Child {
  const [program = "", ...args] = command;
  const child: ChildProcess = spawn(program, args, { env, stdio: ["ignore", "pipe", "pipe"] });
  const lines: string[] = [];
  let log = "";
  const waiting = new Set<(line: string) => void>();
  child.stderr?.setEncoding("utf8").on("data", (chunk: string) => {
    log = (log + chunk).slice(-LOG_MAX_CHARS);
  });
  if (child.stdout !== null) {
    createInterface({ input: child.stdout }).on("line", (line) => {
      lines.push(line);
      for (const tell of waiting) tell(line);
    });
  }
  const exited = once(child, "exit");
  const hasExited = (): boolean => child.exitCode !== null || child.signalCode !== null;
  return {
    name,
    pid: child.pid ?? 0,
    log: () => log,
    lines: () => lines,
    kill: (signal) => void child.kill(signal),
    onEnd: (tell) => void child.once("exit", (code, signal) => tell(String(code ?? signal))),
    untilLine: (matches, timeoutMs) => {
      const seen = lines.find(matches);
      if (seen !== undefined) return Promise.resolve(seen);
      return new Promise((resolve, reject) => {
        const end = (act: () => void): void => {
          waiting.delete(tell);
          clearTimeout(timer);
          child.off("close", closed);
          act();
        };
        const tell = (line: string): void => {
          if (matches(line)) end(() => resolve(line));
        };
        const timer = setTimeout(
          () =>
            end(() =>
              reject(
                new Error(
                  `${name} did not say what was waited for within ${timeoutMs} ms:\n${log.slice(-4_000)}`,
                ),
              ),
            ),
          timeoutMs,
        );
        waiting.add(tell);
        const closed = (): void =>
          end(() =>
            reject(
              new Error(`${name} ended (${child.exitCode ?? child.signalCode ?? ""}):\n${log.slice(-4_000)}`),
            ),
          );
        // Not on `exit`: output may still be unread then.
        child.once("close", closed);
      });
    },
    stop: async (graceMs) => {
      if (hasExited()) return;
      // A frozen process handles no SIGTERM until it is thawed.
      child.kill("SIGCONT");
      child.kill("SIGTERM");
      const timer = setTimeout(() => void child.kill("SIGKILL"), graceMs);
      const waiting = new AbortController();
      const isStuck = await Promise.race([
        exited.then(() => false),
        sleep(2 * graceMs, true, { signal: waiting.signal }),
      ]);
      waiting.abort();
      clearTimeout(timer);
      if (!isStuck) return;
      // What it leaves open would keep this process from its own end.
      child.unref();
      for (const output of [child.stdout, child.stderr]) output?.destroy();
      throw new Error(`${name} (${child.pid ?? 0}) was killed and did not end`);
    },
  };
}
