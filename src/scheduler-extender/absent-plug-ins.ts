import type { Clock } from "../ports/clock.ts";

/**
 * For how long a node has to have been offered without a node plug-in until it counts as one that gets none,
 * in milliseconds. A new node's plug-in registers once its image is there.
 */
const LASTING_AFTER_MS = 300_000;
/** So many nodes are remembered; beyond that all are forgotten, and count as new. */
const NODES_MAX = 20_000;

/** Since when a scheduler has offered nodes that no node plug-in has registered, by this process's clock. */
export class AbsentPlugIns {
  readonly #clock: Pick<Clock, "elapsedMs">;
  readonly #sinceMs = new Map<string, number>();

  constructor(clock: Pick<Clock, "elapsedMs">) {
    this.#clock = clock;
  }

  /** A node without a plug-in has been offered. */
  note(nodeName: string): void {
    if (this.#sinceMs.has(nodeName)) return;
    if (this.#sinceMs.size >= NODES_MAX) this.#sinceMs.clear();
    this.#sinceMs.set(nodeName, this.#clock.elapsedMs());
  }

  /** Its plug-in has registered. */
  forget(nodeName: string): void {
    this.#sinceMs.delete(nodeName);
  }

  /** Whether its plug-in has been missing for too long to be on its way. */
  isLasting(nodeName: string): boolean {
    const sinceMs = this.#sinceMs.get(nodeName);
    return sinceMs !== undefined && this.#clock.elapsedMs() - sinceMs >= LASTING_AFTER_MS;
  }
}
