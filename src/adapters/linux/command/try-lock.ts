import { spawn } from "node:child_process";

/** What flock(1) exits with if the lock is held; chosen apart from its own error codes. */
const conflictExitCode = 75;

/**
 * Locks an open file by flock(2); false if another description holds its lock. Node has no flock: the
 * short-lived flock(1) locks the *open file description* that we pass to it as its descriptor 3, and our
 * descriptor keeps the lock when flock(1) has ended. Throws if flock(1) is missing or fails. `shared`: beside
 * others that lock it so.
 */
export async function tryLock(fd: number, how: "exclusive" | "shared" = "exclusive"): Promise<boolean> {
  const exitCode = await new Promise<number | null>((resolve, reject) => {
    const flock = spawn(
      "flock",
      [`--${how}`, "--nonblock", "--conflict-exit-code", String(conflictExitCode), "3"],
      { stdio: ["ignore", "ignore", "ignore", fd] },
    );
    flock.on("error", reject);
    flock.on("exit", resolve);
  });
  if (exitCode === 0) return true;
  if (exitCode === conflictExitCode) return false;
  throw new Error(`flock ended with ${exitCode ?? "a signal"}`);
}
