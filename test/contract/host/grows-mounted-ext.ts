import { readFileSync } from "node:fs";

/**
 * Bit of CAP_SYS_RESOURCE, without which the kernel grows no mounted ext file system. Containers may lack it.
 */
const SYS_RESOURCE = 24n;

/** Whether this process, and the nodes of a lab that it starts, can grow a mounted ext file system. */
export function growsMountedExt(): boolean {
  const effective = /^CapEff:\s*([0-9a-f]+)$/mu.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? "0";
  return ((BigInt(`0x${effective}`) >> SYS_RESOURCE) & 1n) === 1n;
}
