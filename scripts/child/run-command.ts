import { spawn } from "node:child_process";
import { delimiter, join } from "node:path";

/** A command's output, exit and duration. */
export interface CommandOutcome {
  /** Exit code; `undefined` if a signal ended it or it could not be started. */
  readonly code: number | undefined;
  /** Standard output and error, in the order in which they arrived. */
  readonly output: string;
  readonly durationMs: number;
}

export interface CommandOptions {
  readonly cwd: string;
  /** Added to this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** The command is killed after this long, in milliseconds. Default: 10 minutes. */
  readonly timeoutMs?: number;
  /**
   * Interrupts the command as Ctrl-C would; `runCommand` still waits for its end, so that it can clean up.
   */
  readonly signal?: AbortSignal;
}

const DEFAULT_TIMEOUT_MS = 600_000;

/**
 * This process's environment with the project's tools first in PATH, so that a tool's `#!/usr/bin/env node`
 * finds the pinned Node.
 */
export function toolEnvironment(root: string): NodeJS.ProcessEnv {
  return {
    ...process.env,
    PATH: `${join(root, "node_modules/.bin")}${delimiter}${process.env["PATH"] ?? ""}`,
  };
}

/**
 * Runs a command to its end. A command that can't be started counts as failed, with the reason as its
 * output.
 */
export async function runCommand(
  command: string,
  args: readonly string[],
  options: CommandOptions,
): Promise<CommandOutcome> {
  const startedMs = performance.now();
  const { promise, resolve } = Promise.withResolvers<CommandOutcome>();
  const chunks: string[] = [];
  const interrupt = (): void => {
    child.kill("SIGINT");
  };
  const settle = (code: number | undefined): void => {
    clearTimeout(limit);
    options.signal?.removeEventListener("abort", interrupt);
    resolve({ code, output: chunks.join(""), durationMs: performance.now() - startedMs });
  };
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: { ...toolEnvironment(options.cwd), ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  // Node's own `timeout` keeps the process alive until it fires, even if the command could not be started.
  const limit = setTimeout(() => child.kill("SIGKILL"), options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
  options.signal?.addEventListener("abort", interrupt);
  if (options.signal?.aborted === true) interrupt();
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8");
    stream.on("data", (chunk: string) => chunks.push(chunk));
  }
  child.on("error", (error) => {
    chunks.push(`${command} could not be started: ${error.message}\n`);
    settle(undefined);
  });
  child.on("close", (code, signal) => {
    if (signal !== null) chunks.push(`${command} was ended by ${signal}\n`);
    settle(code ?? undefined);
  });
  return promise;
}
