import { spawn } from "node:child_process";
import { once } from "node:events";

/**
 * Waits for the lock on `file` and holds it until it is disposed of or this process ends, however it ends.
 * The lock is that of flock(1), whose command runs as long as our end of its standard input is open.
 */
export async function holdLock(file: string, signal: AbortSignal): Promise<AsyncDisposable> {
  signal.throwIfAborted();
  const child = spawn("flock", ["--exclusive", file, "sh", "-c", "echo held; exec cat"], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ended = once(child, "close");
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => {
    child.kill();
    reject(signal.reason as Error);
  };
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    await Promise.race([
      once(child.stdout, "data"),
      aborted,
      ended.then(() => Promise.reject(new Error(`flock could not lock ${file}`))),
    ]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
  return {
    async [Symbol.asyncDispose]() {
      child.stdin.end();
      await ended;
    },
  };
}
