import { readFile } from "node:fs/promises";

const KIB_PER_MIB = 1024;

/** Resident memory of a running process in MiB, shared pages included, as the kernel counts it. */
export function residentMiB(pid: number): Promise<number> {
  return statusMiB(pid, "VmRSS");
}

/** The most that was resident at once since the process started, in MiB. */
export function peakMiB(pid: number): Promise<number> {
  return statusMiB(pid, "VmHWM");
}

async function statusMiB(pid: number, field: "VmRSS" | "VmHWM"): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  const kib = new RegExp(`^${field}:\\s+(\\d+) kB$`, "mu").exec(status)?.[1];
  if (kib === undefined)
    throw new Error(`/proc/${pid}/status says nothing of ${field}: has the process ended?`);
  return Number(kib) / KIB_PER_MIB;
}
