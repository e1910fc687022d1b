import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { hasCode } from "../../src/core/primitives/error-code.ts";

/** The unit of `/proc/<pid>/stat`. */
const TICKS_PER_SECOND = 100;
/** Places of the times in user and system mode, counted after the name. */
const OWN_TIMES = [11, 12];
/** The same of children that have ended and been waited for, and of theirs. */
const TIMES_OF_CHILDREN = [13, 14];

/** Processor time that a running process has used, of all its threads, in seconds. Exact to 0.01 s. */
export async function processorSeconds(pid: number): Promise<number> {
  return secondsIn(await readFile(`/proc/${pid}/stat`, "utf8"), OWN_TIMES);
}

/**
 * Processor time that a running process and its children that have ended have used, in seconds; `undefined`
 * once the process is gone, and on a system without /proc.
 */
export function processorSecondsWithChildren(pid: number): number | undefined {
  try {
    return secondsIn(readFileSync(`/proc/${pid}/stat`, "utf8"), [...OWN_TIMES, ...TIMES_OF_CHILDREN]);
  } catch (error) {
    if (hasCode(error, "ENOENT", "ESRCH")) return undefined;
    throw error;
  }
}

function secondsIn(stat: string, places: readonly number[]): number {
  const fields = stat.split(") ").at(-1)?.split(" ") ?? [];
  return places.reduce((sum, place) => sum + Number(fields[place]), 0) / TICKS_PER_SECOND;
}
