import { readFile } from "node:fs/promises";
import { hasCode } from "../../../src/core/primitives/error-code.ts";

/** One process, distinguished from a later one to which the kernel gives the same number. */
export interface ProcessIdentity {
  readonly pid: number;
  /** When it started, in the kernel's clock ticks since boot. */
  readonly startTicks: string;
  readonly bootId: string;
}

/** Field 22 of /proc/<pid>/stat, counted from the state, which follows the command's closing bracket. */
const START_FIELD_AFTER_COMMAND = 19;

/** The kernel's id of this boot. */
async function readBootId(): Promise<string> {
  return (await readFile("/proc/sys/kernel/random/boot_id", "utf8")).trim();
}

/** The process that has this number now; `undefined` if there is none, or only a zombie. */
export async function identifyProcess(pid: number): Promise<ProcessIdentity | undefined> {
  const fields = await readStat(pid);
  const startTicks = fields?.[START_FIELD_AFTER_COMMAND];
  return startTicks === undefined || fields?.[0] === "Z"
    ? undefined
    : { pid, startTicks, bootId: await readBootId() };
}

/** Whether this very process still runs. */
export async function isAlive(identity: ProcessIdentity): Promise<boolean> {
  const now = await identifyProcess(identity.pid);
  return now?.startTicks === identity.startTicks && now.bootId === identity.bootId;
}

/** Sends a signal to a process that may have ended. */
export function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (!hasCode(error, "ESRCH")) throw error;
  }
}

async function readStat(pid: number): Promise<readonly string[] | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  } catch {
    // There is no such process, or it ended during the read.
    return undefined;
  }
}
