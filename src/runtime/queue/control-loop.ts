import { failureLocalKey } from "../../core/events/failure-local-key.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { stackOf } from "../../core/failure/message-of.ts";
import type { Result } from "../../core/failure/result.ts";
import type { Backoff } from "../../core/primitives/backoff.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Logger } from "../../ports/logger.ts";
import type { LoopObserver, PassOutcome } from "../../ports/loop-observer.ts";
import type { Random } from "../../ports/random.ts";
import { WorkQueue } from "./work-queue.ts";

/** The result of one pass over a key: done, or to be requeued after a while. */
export type Reconciled = Result<{ readonly requeueAfterMs?: number }>;

/**
 * One kind of reconciler: level-triggered, one key at a time. Between passes it remembers at most what it
 * last asked or did, so as not to repeat it too often: after a restart it asks or writes once more.
 */
export interface Reconciler {
  /** For logs and metrics, such as `volume`. */
  readonly name: string;
  /** Keys that are handled at once. */
  readonly workers: number;
  /**
   * How long a pass keeps its place among the workers, in milliseconds: from then on another key is handled
   * beside it, so that passes which wait for what hangs hold no other key up. Default: until it ends.
   */
  readonly slowAfterMs?: number;
  readonly backoff: Backoff;
  reconcile(key: string, signal: AbortSignal): Promise<Reconciled>;
}

export interface ControlLoopPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Default: its passes are not counted. */
  readonly loops?: LoopObserver | undefined;
}

/** How often a failure that lasts is logged for a key, in milliseconds. */
const LOGGED_EVERY_MS = 300_000;

/**
 * For how long plans of a key may be overtaken, one after the other, before that is logged as a failure, in
 * milliseconds: a cache is behind for seconds, and each new plan is made with what it shows by then.
 */
const OVERTAKEN_MAX_MS = 60_000;

/** What was logged last of a key that fails. */
interface LoggedFailure {
  /** What distinguishes it from another one. */
  readonly localKey: string;
  /** When it happened first, without another failure or a success since. */
  readonly sinceMs: number;
  /** Undefined: it is not logged as a failure yet. */
  readonly loggedAtMs: number | undefined;
  /** How often the same has happened since. */
  repeats: number;
}

/** Runs a reconciler's queue until `signal` is aborted, which the work gets, too, and is waited for. */
export class ControlLoop {
  readonly queue: WorkQueue;
  readonly #reconciler: Reconciler;
  readonly #logger: Logger;
  readonly #loops: LoopObserver | undefined;
  readonly #clock: Clock;
  readonly #logged = new Map<string, LoggedFailure>();

  constructor(reconciler: Reconciler, ports: ControlLoopPorts) {
    this.queue = new WorkQueue(ports, reconciler.backoff);
    this.#clock = ports.clock;
    this.#loops = ports.loops;
    this.#reconciler = reconciler;
    this.#logger = ports.logger.child({ reconciler: reconciler.name });
  }

  /**
   * Returns once every worker has stopped. A worker starts when all others are busy, or in place of one whose
   * pass is slow, which ends with that pass.
   */
  async run(signal: AbortSignal): Promise<void> {
    const { name, workers } = this.#reconciler;
    const ended = this.#loops?.runs(name, () => this.queue.depth);
    try {
      await this.#runWorkers(workers, signal);
    } finally {
      ended?.();
    }
  }

  #runWorkers(workers: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      let [running, places, idle] = [0, 1, 0];
      const begin = (): void => {
        running++;
        idle++;
        this.#work(signal, { onBusy, replace: begin }).then(() => {
          running--;
          if (running === 0) resolve();
        }, reject);
      };
      const onBusy = (isBusy: boolean): void => {
        idle += isBusy ? -1 : 1;
        if (idle > 0 || places === workers) return;
        places++;
        begin();
      };
      begin();
    });
  }

  async #work(
    signal: AbortSignal,
    { onBusy, replace }: { readonly onBusy: (isBusy: boolean) => void; readonly replace: () => void },
  ): Promise<void> {
    for (let isReplaced = false; !isReplaced && !signal.aborted;) {
      let key: string;
      try {
        key = await this.queue.take(signal);
      } catch (error) {
        if (signal.aborted) return;
        throw error;
      }
      onBusy(true);
      const ending = this.#whenSlow(() => {
        isReplaced = true;
        replace();
      });
      const outcome = await this.#handle(key, signal);
      ending?.abort("the pass has ended");
      if (!signal.aborted) this.#loops?.passEnded(this.#reconciler.name, outcome);
      this.queue.done(key);
      if (!isReplaced) onBusy(false);
    }
  }

  /** Calls `onSlow` after `slowAfterMs`, unless the caller aborts the result before that. */
  #whenSlow(onSlow: () => void): AbortController | undefined {
    const { slowAfterMs } = this.#reconciler;
    if (slowAfterMs === undefined) return undefined;
    const ending = new AbortController();
    // Both may come at one time.
    const onTime = (): void => (ending.signal.aborted ? undefined : onSlow());
    this.#clock.sleep(slowAfterMs, ending.signal).then(onTime, () => undefined);
    return ending;
  }

  async #handle(key: string, signal: AbortSignal): Promise<PassOutcome> {
    try {
      const reconciled = await this.#reconciler.reconcile(key, signal);
      if (reconciled.ok) {
        this.queue.forget(key);
        this.#logged.delete(key);
        if (reconciled.value.requeueAfterMs !== undefined)
          this.queue.addAfter(key, reconciled.value.requeueAfterMs);
        return "done";
      }
      if (reconciled.failure.kind === "ObjectConflict") {
        // Another writer was faster; the key is planned again, with a delay while the cache is behind.
        this.queue.addFailed(key);
        return "conflict";
      }
      const isFailed = !signal.aborted && this.#logFailure(key, reconciled.failure);
      this.queue.addFailed(key, "retryAfterMs" in reconciled.failure ? reconciled.failure.retryAfterMs : 0);
      return isFailed ? "failed" : "conflict";
    } catch (error) {
      if (signal.aborted) return "threw";
      this.#logger.error("reconcile threw: a bug", { key, error: stackOf(error) });
      this.queue.addFailed(key);
      return "threw";
    }
  }

  /**
   * A wait for a node may last for hours, and is planned again every few seconds. A plan that was `Refused`
   * was overtaken by another writer, which is normal: only what refuses a key's plans for long is a failure.
   * Returns whether it is one.
   */
  #logFailure(key: string, failure: Failure): boolean {
    const nowMs = this.#clock.elapsedMs();
    const localKey = failureLocalKey(failure);
    const last = this.#logged.get(key);
    const same = last?.localKey === localKey ? last : undefined;
    const sinceMs = same?.sinceMs ?? nowMs;
    const isOvertaken = failure.kind === "Refused" && nowMs - sinceMs < OVERTAKEN_MAX_MS;
    if (same !== undefined && (isOvertaken || nowMs - (same.loggedAtMs ?? -Infinity) < LOGGED_EVERY_MS)) {
      same.repeats++;
      return !isOvertaken;
    }
    if (isOvertaken) this.#logger.debug("plan overtaken", { key, failure });
    else {
      const repeats = same !== undefined && same.repeats > 0 ? { repeats: same.repeats } : {};
      this.#logger.warn("reconcile failed", { key, failure, ...repeats });
    }
    this.#logged.set(key, { localKey, sinceMs, loggedAtMs: isOvertaken ? undefined : nowMs, repeats: 0 });
    return !isOvertaken;
  }
}
