import type { Clock } from "../ports/clock.ts";
import type { Random } from "../ports/random.ts";

/** How long a key that fails again and again waits between tries. */
export interface BackoffOptions {
  /** First delay, in milliseconds. */
  readonly baseMs: number;
  /** Upper limit for one delay, in milliseconds. 200, 400, 800, 800 … with `baseMs: 200, maxMs: 800`, each up to a fifth shorter by chance. */
  readonly maxMs: number;
}

const JITTER_SHARE = 0.2;
/** The shortest delay, in milliseconds. One that is lost in the rounding of the time that it is added to would be over at once: the key would come again and again while no time passes. */
const DELAY_MIN_MS = 1;

/**
 * A queue of keys: a key is in it at most once, is handled by one worker at a time, and comes again if it was added while it was handled.
 * Failures come back later, with a back-off of their own per key.
 */
export class WorkQueue {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #backoff: BackoffOptions;
  readonly #ready = new Set<string>();
  readonly #active = new Set<string>();
  readonly #dueAtMs = new Map<string, number>();
  readonly #failures = new Map<string, number>();
  /** Workers that wait for a key, in the order in which they began to. */
  readonly #waiting = new Set<() => void>();
  /** The one of them that sleeps until the next delayed key is due; the others only sleep until they are woken. */
  #timekeeper: (() => void) | undefined;
  /** No delayed key is due before this. */
  #noneDueBeforeMs = Infinity;

  constructor(ports: { readonly clock: Clock; readonly random: Random }, backoff: BackoffOptions) {
    this.#clock = ports.clock;
    this.#random = ports.random;
    this.#backoff = backoff;
  }

  /** Keys that are ready, waiting for their time, or being handled. */
  get depth(): { readonly ready: number; readonly delayed: number; readonly active: number } {
    return { ready: this.#ready.size, delayed: this.#dueAtMs.size, active: this.#active.size };
  }

  /** Adds a key, now. */
  add(key: string): void {
    this.#dueAtMs.delete(key);
    // With no time to keep nobody keeps one: the next delayed key has to say so, whenever it is due.
    if (this.#dueAtMs.size === 0) this.#noneDueBeforeMs = Infinity;
    this.#ready.add(key);
    this.#wakeOne();
  }

  /** Adds a key that nothing is known to have happened to: one that is being handled, or waits for its time, is left alone. */
  remind(key: string): void {
    if (!this.#active.has(key) && !this.#dueAtMs.has(key)) this.add(key);
  }

  /** Adds a key after `delayMs`, a millisecond at least, unless it is due earlier anyway. */
  addAfter(key: string, delayMs: number): void {
    const dueAtMs = this.#clock.elapsedMs() + Math.max(DELAY_MIN_MS, delayMs);
    if (this.#ready.has(key) || (this.#dueAtMs.get(key) ?? Infinity) <= dueAtMs) return;
    this.#dueAtMs.set(key, dueAtMs);
    if (dueAtMs >= this.#noneDueBeforeMs) return;
    this.#noneDueBeforeMs = dueAtMs;
    if (this.#timekeeper === undefined) this.#wakeOne();
    else this.#timekeeper();
  }

  /** Adds a key that has failed, after its back-off and not before `notBeforeMs`. */
  addFailed(key: string, notBeforeMs = 0): void {
    const failures = this.#failures.get(key) ?? 0;
    this.#failures.set(key, failures + 1);
    const delayMs = Math.min(this.#backoff.maxMs, this.#backoff.baseMs * 2 ** Math.min(failures, 30));
    this.addAfter(key, Math.max(notBeforeMs, delayMs * (1 - JITTER_SHARE * this.#random.next())));
  }

  /** A key has succeeded: its next failure starts from the first delay again. */
  forget(key: string): void {
    this.#failures.delete(key);
  }

  /** The next key that no one handles, as soon as there is one. Rejects when `signal` is aborted. */
  async take(signal: AbortSignal): Promise<string> {
    for (;;) {
      signal.throwIfAborted();
      this.#promoteDue();
      for (const key of this.#ready) {
        if (this.#active.has(key)) continue;
        this.#ready.delete(key);
        this.#active.add(key);
        this.#passOn();
        return key;
      }
      await this.#waitForWork(signal);
    }
  }

  /** The key is no longer handled by the worker that took it. */
  done(key: string): void {
    this.#active.delete(key);
    if (this.#ready.has(key)) this.#wakeOne();
  }

  #promoteDue(): void {
    const nowMs = this.#clock.elapsedMs();
    if (nowMs < this.#noneDueBeforeMs) return;
    this.#noneDueBeforeMs = Infinity;
    for (const [key, dueAtMs] of this.#dueAtMs) {
      if (dueAtMs > nowMs) {
        this.#noneDueBeforeMs = Math.min(this.#noneDueBeforeMs, dueAtMs);
        continue;
      }
      this.#dueAtMs.delete(key);
      this.#ready.add(key);
    }
  }

  /** Whoever leaves with a key sees to it that the rest is not forgotten: what else is ready, and the time. */
  #passOn(): void {
    if (this.#ready.size > 0 || (this.#dueAtMs.size > 0 && this.#timekeeper === undefined)) this.#wakeOne();
  }

  async #waitForWork(signal: AbortSignal): Promise<void> {
    const woken = Promise.withResolvers<void>();
    let asleep: AbortController | undefined;
    const wake = (): void => {
      woken.resolve();
      asleep?.abort(WOKEN);
    };
    this.#waiting.add(wake);
    this.#timekeeper ??= wake;
    signal.addEventListener("abort", wake, { once: true });
    try {
      // Only the timekeeper needs a clock, and only while there is a time to keep.
      if (this.#timekeeper === wake && this.#dueAtMs.size > 0) {
        asleep = new AbortController();
        await this.#sleepUntilDue(asleep.signal);
      } else await woken.promise;
    } finally {
      this.#waiting.delete(wake);
      if (this.#timekeeper === wake) this.#timekeeper = undefined;
      signal.removeEventListener("abort", wake);
      if (signal.aborted) this.#passOn();
    }
  }

  async #sleepUntilDue(woken: AbortSignal): Promise<void> {
    const sleepMs = this.#noneDueBeforeMs - this.#clock.elapsedMs();
    try {
      await this.#clock.sleep(Math.max(0, Math.min(sleepMs, MAX_SLEEP_MS)), woken);
    } catch (error) {
      if (!woken.aborted) throw error;
    }
  }

  /** One key needs one worker: waking all would cost as much as there are workers, for each key. The timekeeper goes last. */
  #wakeOne(): void {
    for (const wake of this.#waiting) {
      if (wake === this.#timekeeper) continue;
      this.#waiting.delete(wake);
      wake();
      return;
    }
    this.#timekeeper?.();
  }
}

const MAX_SLEEP_MS = 3_600_000;
/** Without a reason each abort makes an error with a stack, which takes longer than all the rest of it. */
const WOKEN = "woken";
