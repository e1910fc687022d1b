import { readdir, readFile } from "node:fs/promises";
import { undefinedIf } from "../../../src/core/primitives/error-code.ts";
import { sendSignal } from "./process-identity.ts";
import { waitUntil } from "./wait-until.ts";

/** How long the kernel may take to stop every thread on a busy machine, in milliseconds. */
const FREEZE_MAX_MS = 240_000;
/** `T`: stopped by a signal, `Z` and `X`: ended (proc_pid_stat(5)). */
const CANNOT_RUN = ["T", "Z", "X"];

/**
 * Sends SIGSTOP and waits until no thread of the process can run, or the process has ended. The signal
 * alone is not enough: until a thread has received it, each can still answer a request. SIGCONT ends it.
 */
export async function freezeProcess(pid: number): Promise<void> {
  sendSignal(pid, "SIGSTOP");
  let before: string | undefined;
  await waitUntil(
    `the threads of process ${pid} to stop`,
    { timeoutMs: FREEZE_MAX_MS, everyMs: 1 },
    async () => {
      const stopped = await stoppedThreads(pid);
      // Seen twice: a thread that still ran at the first look may have started one that it did not list.
      const isFrozen = stopped !== undefined && stopped === before;
      before = stopped;
      return isFrozen ? true : undefined;
    },
  );
}

/** The ids of all threads of a process; `undefined` while one of them can run. */
export async function stoppedThreads(pid: number): Promise<string | undefined> {
  const threads = await readThreads(pid);
  return threads.every(({ state }) => CANNOT_RUN.includes(state))
    ? threads.map(({ id }) => id).join()
    : undefined;
}

async function readThreads(pid: number): Promise<readonly { readonly id: string; readonly state: string }[]> {
  const folder = `/proc/${pid}/task`;
  const ids = (await readdir(folder).catch(unlessEnded)) ?? [];
  const stats = await Promise.all(
    ids.map((id) => readFile(`${folder}/${id}/stat`, "utf8").catch(unlessEnded)),
  );
  return ids.map((id, index) => {
    const stat = stats[index];
    return { id, state: stat === undefined ? "X" : stat.charAt(stat.lastIndexOf(")") + 2) };
  });
}

/** Undefined once the thread has ended, also between the opening of its file and the reading of it. */
const unlessEnded = undefinedIf("ENOENT", "ESRCH");
