import { mkdir, open, readdir, stat, unlink } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { hostNotReady } from "../../../core/failure/frequent-failures.ts";
import type { Result } from "../../../core/failure/result.ts";
import { ok } from "../../../core/failure/result.ts";
import { takesNoChange } from "../../../core/primitives/error-code.ts";
import { callIn, type CallLane, createCallLane, hangs } from "../call-lane.ts";
import { tryLock } from "./try-lock.ts";

/**
 * The lock of one plug-in instance: held by the instance itself and by every command that it starts,
 * until the last of them is dead.
 *
 * Each instance has a file of its own, `instance-<n>.lock`, numbered higher than all that are there. An
 * flock(2) belongs to the *open file description*, which a child shares when it inherits the
 * descriptor. `tryLock` locks ours, and from then on every command inherits that descriptor.
 *
 * No command can start unseen: a forked child has the descriptor from its first instant, before it has
 * executed anything. With `flock lockfile command` for each command instead, a plug-in killed between
 * fork and flock would leave a process that takes the lock, and mounts, *after* its successor has found
 * the lock free. Here nothing takes an earlier instance's lock later than the instance itself does, and
 * `takeInstanceLock` checks afterwards that its file is still the one in the directory: a successor
 * unlinks a file only while it holds that file's lock.
 *
 * On a disk that takes no change there is no new file: there an instance locks the directory itself, in which
 * every later one looks for it.
 */
export interface InstanceLock {
  /** The descriptor that children inherit. */
  readonly fd: number;
  readonly instanceNumber: number;
  /**
   * Whether an instance with a lower number, or a command of one, is alive. Removes the files of those that
   * are dead.
   */
  readonly earlierAlive: () => Promise<Result<boolean>>;
  /** Releases the lock; commands that still run keep it. */
  readonly close: () => Promise<void>;
}

/**
 * Tries to get an own lock file before giving up: each failed one means that another instance started
 * at the same moment.
 */
const attemptsMax = 16;

/** Stands for the instance that has locked the directory: every other one has a number above. */
const OF_DIRECTORY = 0;

/** The lanes for the calls of later looks to the disk of the locks. */
interface LockLanes {
  readonly lookups: CallLane;
  readonly changes: CallLane;
}

/**
 * Takes the lock of a new instance in `directory`, creating it. Throws if it can't: without it no
 * volume could be acquired safely.
 */
export async function takeInstanceLock(
  directory: string,
  lanes: LockLanes = { lookups: createCallLane(), changes: createCallLane() },
): Promise<InstanceLock> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    const numbers = await instanceNumbers(directory);
    const instanceNumber = Math.max(0, ...numbers) + 1;
    const path = lockPath(directory, instanceNumber);
    const file = await open(path, "wx", 0o600).catch((error: NodeJS.ErrnoException) => {
      if (error.code === "EEXIST") return undefined;
      if (takesNoChange(error)) return "none" as const;
      throw error;
    });
    if (file === undefined) continue;
    if (file === "none") return await lockDirectory(directory, instanceNumber, lanes);
    if ((await tryLock(file.fd)) && (await isStillAt(path, file))) {
      const lock = lockOf(directory, instanceNumber, { file, locks: "file" }, lanes);
      // Called only to remove files: a node that never stages a volume would keep a file for each start
      // of its plug-in. A caller that relies on the result checks again.
      await lock.earlierAlive();
      return lock;
    }
    await file.close();
  }
  throw new Error(
    `no instance lock could be taken in ${directory} in ${attemptsMax} attempts: is it on a file system ` +
      "with flock, and is the node plug-in started over and over?",
  );
}

async function lockDirectory(
  directory: string,
  instanceNumber: number,
  lanes: LockLanes,
): Promise<InstanceLock> {
  const file = await open(directory, "r");
  if (await tryLock(file.fd)) return lockOf(directory, instanceNumber, { file, locks: "directory" }, lanes);
  await file.close();
  throw new Error(
    `no instance lock can be taken in ${directory}, on a disk that takes no change: a command of an ` +
      "earlier node plug-in is alive",
  );
}

function lockOf(
  directory: string,
  instanceNumber: number,
  { file, locks }: { readonly file: FileHandle; readonly locks: "file" | "directory" },
  { lookups, changes }: LockLanes,
): InstanceLock {
  // Numbers only rise, so once every earlier instance is dead no earlier one can appear.
  let allEarlierDead = false;
  let hasLooked = false;
  let look: Promise<Result<boolean>> | undefined;
  /** Files of those that were alive, kept open: a root disk that has shut down opens none, but locks. */
  const alive = new Map<number, FileHandle>();
  /** Those whose file stays, or goes later, on a root disk that takes no change or does not answer. */
  const dead = new Set<number>();
  const lookAtOne = async (number: number): Promise<void> => {
    const path = number === OF_DIRECTORY ? directory : lockPath(directory, number);
    const opened =
      alive.get(number) ?? (await callIn(lookups, `open ${path}`, (isLate) => openEarlier(path, isLate)));
    if (opened === undefined) return;
    alive.set(number, opened);
    // Others look at the directory at the same time.
    if (!(await tryLock(opened.fd, number === OF_DIRECTORY ? "shared" : "exclusive"))) return;
    alive.delete(number);
    if (number === OF_DIRECTORY) {
      await opened.close();
      return;
    }
    dead.add(number);
    let hasBegun = false;
    const removed = await changes.run(async () => {
      hasBegun = true;
      try {
        return await removeDead(path, opened);
      } finally {
        await opened.close();
      }
    });
    if (!hasBegun) await opened.close();
    if (removed.kind === "done" && removed.value) dead.delete(number);
  };
  const lookAtEarlier = async (): Promise<Result<boolean>> => {
    try {
      const listed = await callIn(lookups, `readdir ${directory}`, () => instanceNumbers(directory)).catch(
        (error: unknown) => {
          // Each one that was alive at an earlier look is open, and no earlier one has come since.
          if ((takesNoChange(error) || hangs(error)) && hasLooked) return [];
          throw error;
        },
      );
      // One after the other: a plug-in that was restarted very often may have left thousands, and each
      // check starts a process.
      const directoryToo = locks === "file" && !hasLooked ? [OF_DIRECTORY] : [];
      for (const number of new Set([...directoryToo, ...listed, ...alive.keys()]))
        if (number < instanceNumber && !dead.has(number)) await lookAtOne(number);
      hasLooked = true;
      allEarlierDead = alive.size === 0;
      return ok(!allEarlierDead);
    } catch (error) {
      return hostNotReady(`the instance locks in ${directory} can't be read: ${String(error)}`);
    } finally {
      look = undefined;
    }
  };
  return {
    fd: file.fd,
    instanceNumber,
    // A check holds each lock for a moment, so a second one in parallel would find them held:
    // concurrent callers share one check.
    earlierAlive: () => (allEarlierDead ? Promise.resolve(ok(false)) : (look ??= lookAtEarlier())),
    close: async () => {
      for (const opened of alive.values()) await opened.close();
      alive.clear();
      await file.close();
    },
  };
}

async function openEarlier(path: string, isLate: () => boolean): Promise<FileHandle | undefined> {
  const opened = await open(path, "r").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  // Nothing waits for it any more.
  if (isLate()) await opened?.close();
  return opened;
}

/**
 * Removes the file of a dead instance, whose lock the caller holds. False where it stays, on a root disk that
 * takes no change after an error.
 */
async function removeDead(path: string, file: FileHandle): Promise<boolean> {
  try {
    if (await isStillAt(path, file)) await unlink(path);
    return true;
  } catch (error) {
    if (takesNoChange(error)) return false;
    throw error;
  }
}

async function isStillAt(path: string, file: FileHandle): Promise<boolean> {
  const [own, found] = await Promise.all([
    file.stat(),
    stat(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return undefined;
      throw error;
    }),
  ]);
  return found !== undefined && found.ino === own.ino && found.dev === own.dev;
}

async function instanceNumbers(directory: string): Promise<readonly number[]> {
  const names = await readdir(directory);
  return names.flatMap((name) => {
    const digits = /^instance-(\d+)\.lock$/.exec(name)?.[1];
    return digits === undefined ? [] : [Number(digits)];
  });
}

function lockPath(directory: string, instanceNumber: number): string {
  return join(directory, `instance-${instanceNumber}.lock`);
}
