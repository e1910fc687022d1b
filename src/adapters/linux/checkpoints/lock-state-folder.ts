import { open } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { takesNoChange } from "../../../core/primitives/error-code.ts";
import type { Clock } from "../../../ports/clock.ts";
import type { Logger } from "../../../ports/logger.ts";
import { tryLock } from "../command/try-lock.ts";
import { makeFolder } from "../make-folder.ts";

const openPlain = promisify(open);
/** How often the lock is tried while another process holds it, in milliseconds. */
const TRY_EVERY_MS = 500;
/** How often the log repeats what is waited for, in milliseconds. */
const LOG_EVERY_MS = 60_000;

/** A file that one process at a time holds, until it ends. */
export interface LockFile {
  /** Whether this process holds it now. */
  readonly tryHold: () => Promise<boolean>;
  /** What a person does where another process holds it. */
  readonly remedy: string;
}

/**
 * Makes this process the only one that changes the checkpoints in `stateDir`, until it ends: each plug-in
 * rewrites the whole file from its own memory, so that two would lose each other's checkpoints. Waits for
 * an earlier plug-in that is still alive, and rejects once `signal` is aborted. Commands do not inherit this
 * lock as they do that of the instance: one that outlives its plug-in writes no checkpoint. `openFile`: how
 * this machine locks a file; default by flock(2).
 */
export async function lockStateFolder(
  stateDir: string,
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
  signal: AbortSignal,
  openFile: (path: string) => Promise<LockFile> = openFlocked,
): Promise<void> {
  await makeFolder(stateDir, 0o700);
  const path = join(stateDir, "volumes.lock");
  const { tryHold, remedy } = await openFile(path);
  let logAtMs = clock.elapsedMs();
  while (!(await tryHold())) {
    if (clock.elapsedMs() >= logAtMs) {
      logger.warn("waiting for another node plug-in to end: it holds the lock of this node's checkpoints", {
        path,
        remedy,
      });
      logAtMs = clock.elapsedMs() + LOG_EVERY_MS;
    }
    await clock.sleep(TRY_EVERY_MS, signal);
  }
}

/** A file that is locked by flock(2). */
async function openFlocked(path: string): Promise<LockFile> {
  const fd = await openLock(path);
  return {
    tryHold: () => tryLock(fd),
    remedy: `end the process that "fuser ${path}" names, or give each plug-in a --state-dir of its own`,
  };
}

/**
 * A plain descriptor, never closed: Node closes a file handle that nothing refers to any more. On a disk that
 * takes no change the file of an earlier plug-in is there, and locks as well.
 */
async function openLock(path: string): Promise<number> {
  try {
    return await openPlain(path, "a", 0o600);
  } catch (error) {
    if (!takesNoChange(error)) throw error;
    return await openPlain(path, "r");
  }
}
