import { type Lane, compareLanes } from "../../core/azure/lane.ts";

/** A call that waits for its turn. */
interface Waiting {
  readonly lane: Lane;
  readonly begin: () => void;
}

/**
 * The line of calls that wait for one bucket. One of them at a time has the turn: only that one looks at the
 * bucket, so that a thousand waiting calls cost no more than one. The more urgent lane goes first, and
 * within it the call that came first.
 */
export class CallLine {
  readonly #waiting: Waiting[] = [];
  #isTaken = false;

  /** How many calls a new one of this lane would wait for. */
  ahead(lane: Lane): number {
    return (this.#isTaken ? 1 : 0) + this.#indexOf(lane);
  }

  /** Runs `work` in the call's turn. Rejects with the signal's reason if that comes first. */
  async run<T>(lane: Lane, work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    await this.#turn(lane, signal);
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#isTaken = false;
      else next.begin();
    }
  }

  #turn(lane: Lane, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (!this.#isTaken) {
      this.#isTaken = true;
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const waiting: Waiting = {
        lane,
        begin: () => {
          signal.removeEventListener("abort", onAbort);
          resolve();
        },
      };
      const onAbort = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        reject(signal.reason);
      };
      signal.addEventListener("abort", onAbort, { once: true });
      this.#waiting.splice(this.#indexOf(lane), 0, waiting);
    });
  }

  /** The index behind all calls of this lane and of more urgent ones. */
  #indexOf(lane: Lane): number {
    return this.#waiting.findLastIndex((other) => compareLanes(other.lane, lane) <= 0) + 1;
  }
}
