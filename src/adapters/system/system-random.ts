import { randomUUID } from "node:crypto";
import type { Random } from "../../ports/random.ts";

/** Randomness from the runtime: not repeatable. */
export const systemRandom: Random = { next: () => Math.random(), uuid: () => randomUUID() };
