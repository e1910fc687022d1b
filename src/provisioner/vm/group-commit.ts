import { resourceUriKey } from "../../core/azure/ids/disk-uri.ts";
import { type GatherLimits, gatherDelayMs } from "../../core/azure/pace/gather-delay.ts";
import { BATCH_MAX, planBatch } from "../../core/azure/plan-batch.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { fail } from "../../core/failure/result.ts";
import type { Clock } from "../../ports/clock.ts";
import type { VmRequest } from "./vm-request.ts";

export interface GroupCommitOptions {
  readonly clock: Clock;
  /** Ends the work for good, at shutdown. */
  readonly lifetime: AbortSignal;
  /** Work that goes first; its end, or undefined when there is none. */
  readonly precedingWork: () => Promise<void> | undefined;
  /** How long the call budget would have this batch wait and gather. */
  readonly delayMs: (waiting: readonly VmRequest[]) => number;
  /**
   * Longest wait for the call budget, in milliseconds: a request that would have to wait longer fails at
   * once, with `throttled`.
   */
  readonly delayMaxMs: number;
  /** The failure of such a request; `retryAfterMs` is the wait that the call budget asks for. */
  readonly throttled: (retryAfterMs: number) => Failure;
  /** How long a batch waits for further requests. */
  readonly gathering: GatherLimits;
  /** Receives how long a batch waited for the budget, for metrics. */
  readonly recordDelay: (waitedMs: number) => void;
  /** Carries a batch out; every request of it, and every one that joins it, has ended when it returns. */
  readonly run: (batch: readonly VmRequest[], latecomers: Latecomers) => Promise<void>;
  /** Called each time that nothing waits, runs or is announced any more. */
  readonly onUnused: () => void;
}

/** Requests that arrive after their batch has started, and before it writes. */
export interface Latecomers {
  /** Waits for requests on their way, as for a batch that has not started, and takes those that arrived. */
  readonly take: (batch: readonly VmRequest[]) => Promise<readonly VmRequest[]>;
  /** Puts requests that do not join the batch back into the queue. */
  readonly putBack: (requests: readonly VmRequest[]) => void;
}

/**
 * Group commit: a request that is alone starts at once, and requests that arrive while a batch is carried
 * out form the next one. No fixed delay: a batch waits only for requests that are announced or expected,
 * and takes those that arrive before it writes, so that requests made together are carried out together
 * (`gatherDelayMs`). While the call budget is low, the batch waits and gathers; a more urgent arrival cuts
 * the wait short.
 */
export class GroupCommit {
  readonly #options: GroupCommitOptions;
  /** Since when the next batch could have started, and when the last request arrived. */
  #gatheringSinceMs: number | undefined;
  #arrivedAtMs = 0;
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
      this.#reportIfUnused();
    };
  }

  /** Adds a request; its `answer` resolves when it has ended. */
  submit(request: VmRequest): void {
    this.#waiting.push(request);
    this.#arrivedAtMs = this.#options.clock.elapsedMs();
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

  #reportIfUnused(): void {
    if (!this.isUsed) this.#options.onUnused();
  }

  /** Never rejects: a bug in a batch goes to the callers of that batch. */
  async #pump(): Promise<void> {
    // The requests that one caller submits in a row share the first batch, and `submit` sees that this
    // runs.
    await Promise.resolve();
    for (;;) {
      this.#dropSettled();
      if (this.#waiting.length === 0) break;
      if (this.#options.lifetime.aborted) {
        for (const request of this.#waiting) request.settle(fail({ kind: "Cancelled" }));
        continue;
      }
      const preceding = this.#options.precedingWork();
      const delayMs = this.#options.delayMs(this.#waiting);
      if (preceding !== undefined) await preceding;
      else if (delayMs > 0) await this.#waitForBudget(delayMs);
      else if (!(await this.#gather([]))) continue;
      else await this.#runBatch(planBatch(this.#waiting));
    }
    this.#gatheringSinceMs = undefined;
    this.#running = undefined;
    this.#reportIfUnused();
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
    this.#options.recordDelay(this.#options.clock.elapsedMs() - nowMs);
  }

  /**
   * Waits once for further requests of a batch whose `begun` requests have left the queue; true: there is
   * nothing to wait for.
   */
  async #gather(begun: readonly VmRequest[]): Promise<boolean> {
    const nowMs = this.#options.clock.elapsedMs();
    this.#gatheringSinceMs ??= nowMs;
    const requests = [...begun, ...this.#waiting];
    const delayMs = gatherDelayMs(this.#options.gathering, {
      elapsedMs: nowMs - this.#gatheringSinceMs,
      sinceArrivalMs: nowMs - this.#arrivedAtMs,
      requests: requests.length,
      announced: this.#announced.size,
      isOtherExpected: () => isOtherExpectedBeside(requests),
      isFailover: requests.some((request) => request.lane === "failover"),
    });
    if (delayMs === 0) return true;
    const arrived = Promise.race([this.#arrival.promise, ...this.#announced]);
    await this.#sleepUntil(arrived, delayMs);
    return false;
  }

  async #takeLatecomers(batch: readonly VmRequest[]): Promise<readonly VmRequest[]> {
    if (this.#options.gathering.maxMs === 0) return [];
    while (!this.#options.lifetime.aborted && !(await this.#gather(batch)));
    this.#dropSettled();
    const begun = new Set(batch.map((request) => request.diskKey));
    const late = planBatch(this.#waiting)
      .filter((request) => !begun.has(request.diskKey))
      .slice(0, Math.max(0, BATCH_MAX - batch.length));
    this.#waiting = this.#waiting.filter((request) => !late.includes(request));
    return late;
  }

  #dropSettled(): void {
    this.#waiting = this.#waiting.filter((request) => !request.isSettled);
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
    let carriedOut = [...batch];
    try {
      await this.#options.run(batch, {
        take: async (begun) => {
          const late = await this.#takeLatecomers(begun);
          carriedOut.push(...late);
          return late;
        },
        putBack: (requests) => {
          carriedOut = carriedOut.filter((request) => !requests.includes(request));
          this.#waiting.push(...requests);
        },
      });
    } catch (bug) {
      for (const request of carriedOut) {
        if (this.#options.lifetime.aborted) request.settle(fail({ kind: "Cancelled" }));
        else request.crash(bug);
      }
    } finally {
      this.#gatheringSinceMs = undefined;
    }
  }
}

/** Whether a further disk of the VM is on its way, as the last request sees it. */
function isOtherExpectedBeside(requests: readonly VmRequest[]): boolean {
  const there = new Set(requests.map((request) => request.diskKey));
  const expected = requests.at(-1)?.spec.expectedDisks?.() ?? [];
  return expected.some((diskUri) => !there.has(resourceUriKey(diskUri)));
}
