import { planBatch } from "../../core/azure/plan-batch.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { fail } from "../../core/failure/result.ts";
import type { Clock } from "../../ports/clock.ts";
import type { VmRequest } from "./vm-request.ts";

/** What a group commit needs from its surroundings. */
export interface GroupCommitOptions {
  readonly clock: Clock;
  /** Ends the work for good, at shutdown. */
  readonly lifetime: AbortSignal;
  /** Work that goes first; its end, or undefined when there is none. */
  readonly heldBy: () => Promise<void> | undefined;
  /** How long the call budget would have this batch wait and gather. */
  readonly delayMs: (waiting: readonly VmRequest[]) => number;
  /**
   * Longest wait for the call budget, in milliseconds: a request that would have to wait longer fails at
   * once.
   */
  readonly delayMaxMs: number;
  /** Longest wait for requests that are announced, in milliseconds. */
  readonly announcedMaxMs: number;
  /** Receives how long a batch waited for the budget, for metrics. */
  readonly noteDelay: (waitedMs: number) => void;
  /** The answer to such a request. */
  readonly throttled: (retryAfterMs: number) => Failure;
  /** Carries a batch out; every request of it has ended when it returns. */
  readonly run: (batch: readonly VmRequest[]) => Promise<void>;
  /** Called each time that nothing waits, runs or is announced any more. */
  readonly onUnused: () => void;
}

/**
 * Group commit: the first request starts at once, and requests that arrive while a batch is carried out
 * form the next one. No fixed delay: a batch waits only for requests that had been announced when it
 * was formed, so that requests made together are carried out together. While the call budget is low,
 * the batch waits and gathers; a more urgent arrival cuts the wait short.
 */
export class GroupCommit {
  readonly #options: GroupCommitOptions;
  readonly #announced = new Set<Promise<void>>();
  #waiting: VmRequest[] = [];
  #running: Promise<void> | undefined;
  #arrival = Promise.withResolvers<void>();
  /** Since when each waiting request has waited for the budget. */
  #throttledSinceMs = new WeakMap<VmRequest, number>();

  constructor(options: GroupCommitOptions) {
    this.#options = options;
  }

  /** Announces a request. Call the result when it has been submitted, or will not come. */
  announce(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#announced.add(promise);
    return () => {
      if (!this.#announced.delete(promise)) return;
      resolve();
      this.#tellIfUnused();
    };
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

  /** Whether anything waits, runs, or is announced. */
  get isUsed(): boolean {
    return this.#running !== undefined || this.#announced.size > 0;
  }

  #tellIfUnused(): void {
    if (!this.isUsed) this.#options.onUnused();
  }

  /** Never rejects: a bug in a batch goes to the callers of that batch. */
  async #pump(): Promise<void> {
    // The requests that one caller submits in a row share the first batch, and `submit` sees that this
    // runs.
    await Promise.resolve();
    let hasGathered = false;
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
      else if (delayMs > 0) await this.#waitForBudget(delayMs);
      else if (!hasGathered && this.#announced.size > 0) {
        hasGathered = true;
        await this.#waitForAnnounced();
      } else {
        hasGathered = false;
        await this.#runBatch(planBatch(this.#waiting));
      }
    }
    this.#running = undefined;
    this.#tellIfUnused();
  }

  async #waitForBudget(delayMs: number): Promise<void> {
    const nowMs = this.#options.clock.elapsedMs();
    for (const request of this.#waiting) {
      const sinceMs = this.#throttledSinceMs.get(request) ?? nowMs;
      this.#throttledSinceMs.set(request, sinceMs);
      if (nowMs - sinceMs + delayMs > this.#options.delayMaxMs)
        request.settle(fail(this.#options.throttled(delayMs)));
    }
    if (this.#waiting.every((request) => request.isSettled)) return;
    await this.#sleepUntil(this.#arrival.promise, delayMs);
    this.#options.noteDelay(this.#options.clock.elapsedMs() - nowMs);
  }

  /** Failover waits for no other request. */
  async #waitForAnnounced(): Promise<void> {
    if (this.#waiting.some((request) => request.lane === "failover")) return;
    await this.#sleepUntil(
      Promise.all(this.#announced).then(() => undefined),
      this.#options.announcedMaxMs,
    );
  }

  /** Waits `ms`, or until `cut` resolves. */
  async #sleepUntil(cut: Promise<void>, ms: number): Promise<void> {
    const over = new AbortController();
    const watch = cut.then(() => over.abort());
    const slept = this.#options.clock.sleep(ms, AbortSignal.any([this.#options.lifetime, over.signal]));
    try {
      await Promise.race([slept, watch]);
      await slept;
    } catch (reason) {
      if (!over.signal.aborted && !this.#options.lifetime.aborted) throw reason;
    }
  }

  async #runBatch(batch: readonly VmRequest[]): Promise<void> {
    this.#waiting = this.#waiting.filter((request) => !batch.includes(request));
    this.#throttledSinceMs = new WeakMap();
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
