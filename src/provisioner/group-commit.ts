import { planBatch } from "../core/cloud/plan-batch.ts";
import { fail } from "../core/result.ts";
import type { Clock } from "../ports/clock.ts";
import type { VmRequest } from "./vm-request.ts";

/** What a group commit asks of its surroundings. */
export interface GroupCommitOptions {
  readonly clock: Clock;
  /** Ends the work for good, at shutdown. */
  readonly lifetime: AbortSignal;
  /** Work that goes first; its end, or undefined when there is none. */
  readonly heldBy: () => Promise<void> | undefined;
  /** How long the call budget would have this batch wait and gather. */
  readonly delayMs: (waiting: readonly VmRequest[]) => number;
  /** Carries a batch out; every request of it is settled at the end. */
  readonly run: (batch: readonly VmRequest[]) => Promise<void>;
}

/**
 * Group commit: the first request goes at once, and whatever arrives while a batch is being carried out forms the next one. No fixed delay. While the
 * call budget is low, the batch waits and gathers; a more urgent arrival cuts the wait short.
 */
export class GroupCommit {
  readonly #options: GroupCommitOptions;
  #waiting: VmRequest[] = [];
  #running: Promise<void> | undefined;
  #arrival = Promise.withResolvers<void>();

  constructor(options: GroupCommitOptions) {
    this.#options = options;
  }

  /** Adds a request; its `answer` tells how it ended. */
  submit(request: VmRequest): void {
    this.#waiting.push(request);
    this.#arrival.resolve();
    this.#arrival = Promise.withResolvers();
    this.#running ??= this.#pump();
  }

  /** Resolves when nothing waits or runs; undefined if that is now. */
  idle(): Promise<void> | undefined {
    return this.#running;
  }

  /** Never rejects: a bug in a batch goes to the callers of that batch. */
  async #pump(): Promise<void> {
    // Lets the requests that one caller submits in a row share the first batch, and `submit` note that this runs.
    await Promise.resolve();
    for (;;) {
      this.#waiting = this.#waiting.filter((request) => !request.isSettled);
      if (this.#waiting.length === 0) break;
      if (this.#options.lifetime.aborted) {
        for (const request of this.#waiting) request.settle(fail({ kind: "Cancelled" }));
        continue;
      }
      const held = this.#options.heldBy();
      const delayMs = this.#options.delayMs(this.#waiting);
      if (held !== undefined) await held;
      else if (delayMs > 0) await this.#gather(delayMs);
      else await this.#runBatch(planBatch(this.#waiting));
    }
    this.#running = undefined;
  }

  async #gather(delayMs: number): Promise<void> {
    const arrived = new AbortController();
    const watch = this.#arrival.promise.then(() => arrived.abort());
    const slept = this.#options.clock.sleep(delayMs, AbortSignal.any([this.#options.lifetime, arrived.signal]));
    try {
      await Promise.race([slept, watch]);
      await slept;
    } catch (reason) {
      if (!arrived.signal.aborted && !this.#options.lifetime.aborted) throw reason;
    }
  }

  async #runBatch(batch: readonly VmRequest[]): Promise<void> {
    this.#waiting = this.#waiting.filter((request) => !batch.includes(request));
    try {
      await this.#options.run(batch);
    } catch (bug) {
      for (const request of batch) {
        if (this.#options.lifetime.aborted) request.settle(fail({ kind: "Cancelled" }));
        else request.crash(bug);
      }
    }
  }
}
