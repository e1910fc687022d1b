import { spawn } from "node:child_process";
import { once } from "node:events";
import { unlessAborted } from "../../src/runtime/unless-aborted.ts";

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
  const held = Promise.race([
    once(child.stdout, "data"),
    ended.then(() => Promise.reject(new Error(`flock could not lock ${file}`))),
  ]);
  try {
    await unlessAborted(held, signal);
  } catch (error) {
    child.kill();
    throw error;
  }
  return {
    async [Symbol.asyncDispose]() {
      child.stdin.end();
      await ended;
    },
  };
}
