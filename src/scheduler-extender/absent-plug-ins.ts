import { putNewest } from "../core/primitives/put-newest.ts";
import type { Clock } from "../ports/clock.ts";

/**
 * For how long a node has to have been offered without a node plug-in until it counts as one that gets none,
 * in milliseconds. A new node's plug-in registers once its image is there.
 */
const LASTING_AFTER_MS = 300_000;
/**
 * After how long without an offer a node counts as new, in milliseconds: a scheduler names a node by its name
 * alone, and another one may have that by now. Shorter than a day, and the pod of a daily job would be bound
 * each day to a node that gets no plug-in.
 */
const FORGOTTEN_AFTER_MS = 86_400_000;
/** So many nodes are remembered; beyond that the one whose last offer is the oldest counts as new. */
const NODES_MAX = 20_000;

/** When a scheduler has offered a node without a plug-in, by this process's clock. */
interface Offers {
  readonly sinceMs: number;
  readonly lastMs: number;
}

/** Since when a scheduler has offered nodes that no node plug-in has registered. */
export class AbsentPlugIns {
  readonly #clock: Pick<Clock, "elapsedMs">;
  /** In the order of the last offers. */
  readonly #offers = new Map<string, Offers>();

  constructor(clock: Pick<Clock, "elapsedMs">) {
    this.#clock = clock;
  }

  /** A node without a plug-in has been offered. */
  note(nodeName: string): void {
    const nowMs = this.#clock.elapsedMs();
    this.#forgetOld(nowMs);
    const sinceMs = this.#offers.get(nodeName)?.sinceMs ?? nowMs;
    putNewest(this.#offers, nodeName, { sinceMs, lastMs: nowMs }, NODES_MAX);
  }

  /** Its plug-in has registered. */
  forget(nodeName: string): void {
    this.#offers.delete(nodeName);
  }

  /** Whether its plug-in has been missing for too long to be on its way. */
  isLasting(nodeName: string): boolean {
    const nowMs = this.#clock.elapsedMs();
    this.#forgetOld(nowMs);
    const offers = this.#offers.get(nodeName);
    return offers !== undefined && nowMs - offers.sinceMs >= LASTING_AFTER_MS;
  }

  #forgetOld(nowMs: number): void {
    for (const [nodeName, { lastMs }] of this.#offers) {
      if (nowMs - lastMs < FORGOTTEN_AFTER_MS) return;
      this.#offers.delete(nodeName);
    }
  }
}
