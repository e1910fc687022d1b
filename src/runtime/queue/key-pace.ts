import { ok } from "../../core/failure/result.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Reconciled } from "./control-loop.ts";

/**
 * Paces what a node's token may cause as often as it likes, by key. Its state only delays: a controller
 * that has just started acts at once.
 */
export class KeyPace {
  readonly #clock: Pick<Clock, "elapsedMs">;
  readonly #leastMs: number;
  /** When each key was last acted on, oldest first: only those that have to wait, and the last one. */
  readonly #actedAtMs = new Map<string, number>();

  /** `leastMs`: the least time between two actions on one key, in milliseconds. */
  constructor(clock: Pick<Clock, "elapsedMs">, leastMs: number) {
    this.#clock = clock;
    this.#leastMs = leastMs;
  }

  /** How long the next action on a key has to wait, in milliseconds; 0: it is due. */
  waitMs(key: string): number {
    const actedAtMs = this.#actedAtMs.get(key) ?? Number.NEGATIVE_INFINITY;
    return Math.max(0, actedAtMs + this.#leastMs - this.#clock.elapsedMs());
  }

  /** Acts on a key, or requeues it for when that is due. Counts what has succeeded. */
  async run(key: string, act: () => Promise<Reconciled>): Promise<Reconciled> {
    const waitMs = this.waitMs(key);
    if (waitMs > 0) return ok({ requeueAfterMs: waitMs });
    const acted = await act();
    if (acted.ok) this.acted(key);
    return acted;
  }

  /** Records that a key has just been acted on. */
  acted(key: string): void {
    const nowMs = this.#clock.elapsedMs();
    this.#actedAtMs.delete(key);
    for (const [other, atMs] of this.#actedAtMs) {
      if (atMs + this.#leastMs > nowMs) break;
      this.#actedAtMs.delete(other);
    }
    this.#actedAtMs.set(key, nowMs);
  }
}
