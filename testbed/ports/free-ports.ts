import { randomInt } from "node:crypto";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:net";

const LOOPBACK = "127.0.0.1";
/** Services of the machine usually listen below. */
const LOWEST = 10_000;
/** Used if the kernel's range covers all ports. */
const HIGHEST = 61_000;
const TRIES_MAX = 1_000;

/**
 * Loopback ports without a listener, for programs that need fixed ports. They are below the kernel's
 * ephemeral range. So while such a program does not listen, no connection gets one of them, not even one
 * that is tried to that very port.
 */
export async function freePorts(count: number): Promise<readonly number[]> {
  const range = await readFile("/proc/sys/net/ipv4/ip_local_port_range", "utf8");
  const kernelsFirst = Number(range.trim().split(/\s+/u)[0]);
  const end = kernelsFirst > LOWEST ? kernelsFirst : HIGHEST;
  const ports = new Set<number>();
  for (let tries = 0; ports.size < count; tries += 1) {
    if (tries === TRIES_MAX) throw new Error(`no ${count} ports from ${LOWEST} to ${end - 1} are free`);
    const port = randomInt(LOWEST, end);
    if (await isFree(port)) ports.add(port);
  }
  return [...ports];
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, LOOPBACK);
  const isListening = await once(server, "listening").then(
    () => true,
    () => false,
  );
  if (isListening) await new Promise((resolve) => server.close(resolve));
  return isListening;
}
