import { readFile } from "node:fs/promises";

const KIB_PER_MIB = 1024;

/** Resident memory of a running process in MiB, shared pages included, as the kernel counts it. */
export async function residentMiB(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  const kib = /^VmRSS:\s+(\d+) kB$/mu.exec(status)?.[1];
  if (kib === undefined) throw new Error(`/proc/${pid}/status says nothing of VmRSS: has the process ended?`);
  return Number(kib) / KIB_PER_MIB;
}
