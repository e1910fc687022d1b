import { invariant } from "../failure/invariant.ts";

/** How the delays of a series of attempts grow. */
export interface Backoff {
  /** First delay, in milliseconds. */
  readonly baseMs: number;
  /** Upper limit for one delay, in milliseconds. 200, 400, 800, 800 … with `baseMs: 200, maxMs: 800`. */
  readonly maxMs: number;
}

/**
 * The delay before `attempt` (1 = first retry), between half of the full delay and all of it: `chance`
 * is in [0, 1), so that retriers spread.
 */
export function backoffMs(options: Backoff & { readonly attempt: number; readonly chance: number }): number {
  return Math.ceil(fullBackoffMs(options) * (0.5 + options.chance / 2));
}

/** The delay before `attempt` (1 = first retry), without a part by chance. */
export function fullBackoffMs({ baseMs, maxMs, attempt }: Backoff & { readonly attempt: number }): number {
  invariant(attempt >= 1, `attempt counts from 1, not ${attempt}`);
  return Math.min(maxMs, baseMs * 2 ** Math.min(attempt - 1, 30));
}
