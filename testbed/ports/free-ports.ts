import { randomInt } from "node:crypto";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:net";

const LOOPBACK = "127.0.0.1";
/** Below, services of the machine are usual. */
const LOWEST = 10_000;
/** Where the kernel takes every port for its own, one of them has to do. */
const HIGHEST = 61_000;
const TRIES_MAX = 1_000;

/**
 * Ports of loopback that nobody listens on, for programs that must be told theirs. They are below those
 * that the kernel gives to whoever wants any: until such a program listens, and while it is down, no
 * connection gets one of them, not even one that is tried to that very port.
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
