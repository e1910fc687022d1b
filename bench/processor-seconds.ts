import { readFile } from "node:fs/promises";

/** The unit of `/proc/<pid>/stat`. */
const TICKS_PER_SECOND = 100;
/** Places of the times in user and system mode, counted after the name. */
const USER_FIELD = 11;
const SYSTEM_FIELD = 12;

/** Processor time that a running process has used, of all its threads, in seconds. Exact to 0.01 s. */
export async function processorSeconds(pid: number): Promise<number> {
  const fields = (await readFile(`/proc/${pid}/stat`, "utf8")).split(") ").at(-1)?.split(" ") ?? [];
  return (Number(fields[USER_FIELD]) + Number(fields[SYSTEM_FIELD])) / TICKS_PER_SECOND;
}
