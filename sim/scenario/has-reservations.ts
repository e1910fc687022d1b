import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { createSeededRandom } from "../../src/adapters/virtual/seeded-random.ts";

/** The share of seeds in which nodes reserve disks. */
const SHARE = 0.3;

const FILE = fileURLToPath(new URL("../seeds/regressions.txt", import.meta.url));

/** Those that failed before there were reservations: they stay the same runs. A later one names its storm. */
const seedsOfOld = new Set([...readFileSync(FILE, "utf8").matchAll(/^\d+/gmu)].map(([seed]) => Number(seed)));

/** Whether nodes reserve disks in the scenario of a seed. It draws from no other stream of the scenario. */
export function hasReservations(seed: number): boolean {
  return !seedsOfOld.has(seed) && createSeededRandom(`reservations/${seed}`).next() < SHARE;
}
