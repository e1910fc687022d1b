import type { Clock } from "../../ports/clock.ts";

/**
 * How often Azure is read for the same node's report of a missing device, in milliseconds. A node's token
 * may report it as often as it likes.
 */
const LOOK_AGAIN_MS = 10_000;

/**
 * Paces look-ups of devices that nodes report missing. Its state only delays: a controller that has just
 * started reads at once.
 */
export class DeviceLookups {
  readonly #clock: Pick<Clock, "elapsedMs">;
  /**
   * When each attachment, by uid, was last looked up: only those whose next look-up has to wait, and the
   * last one.
   */
  readonly #lookedUpAtMs = new Map<string, number>();

  constructor(clock: Pick<Clock, "elapsedMs">) {
    this.#clock = clock;
  }

  /** How long an attachment's next look-up has to wait, in milliseconds; 0: it is due. */
  waitMs(uid: string): number {
    const lookedUpAtMs = this.#lookedUpAtMs.get(uid) ?? Number.NEGATIVE_INFINITY;
    return Math.max(0, lookedUpAtMs + LOOK_AGAIN_MS - this.#clock.elapsedMs());
  }

  /** Records that Azure has just been asked where an attachment's disk is. */
  checkpoint(uid: string): void {
    const nowMs = this.#clock.elapsedMs();
    for (const [other, atMs] of this.#lookedUpAtMs)
      if (other === uid || atMs + LOOK_AGAIN_MS <= nowMs) this.#lookedUpAtMs.delete(other);
    this.#lookedUpAtMs.set(uid, nowMs);
  }
}
