import { spawn } from "node:child_process";

export interface RunOptions {
  /** Written to the command's standard input. */
  readonly input?: string;
  /** Added to this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** The command is killed after this long, in milliseconds. Default: four minutes. */
  readonly timeoutMs?: number;
  /** The command is killed when it is aborted. */
  readonly signal?: AbortSignal;
}

const DEFAULT_TIMEOUT_MS = 240_000;

/**
 * Runs a command to its end and returns its standard output. Throws with its standard error unless it exits
 * with 0.
 */
export async function run(command: readonly string[], options: RunOptions = {}): Promise<string> {
  const [program = "", ...args] = command;
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const output: string[] = [];
  const errors: string[] = [];
  const child = spawn(program, args, {
    env: { ...process.env, ...options.env },
    stdio: ["pipe", "pipe", "pipe"],
    timeout: options.timeoutMs ?? DEFAULT_TIMEOUT_MS,
    killSignal: "SIGKILL",
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => output.push(chunk));
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => errors.push(chunk));
  child.on("error", reject);
  // A command that ends without reading its input closes the pipe; its exit code is what counts.
  child.stdin.on("error", () => undefined);
  child.stdin.end(options.input ?? "");
  child.on("close", (code, signal) => {
    if (code === 0) resolve(output.join(""));
    else
      reject(
        new Error(
          `${command.join(" ")} ended with ${code ?? signal ?? "nothing"}: ` +
            `${errors.join("").trim() || output.join("").trim()}`,
        ),
      );
  });
  return promise;
}
