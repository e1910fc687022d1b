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
  readonly #wakers = new Set<() => void>();

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
    this.#ready.add(key);
    this.#wake();
  }

  /** Adds a key after `delayMs`, unless it is due earlier anyway. */
  addAfter(key: string, delayMs: number): void {
    const dueAtMs = this.#clock.elapsedMs() + delayMs;
    if (this.#ready.has(key) || (this.#dueAtMs.get(key) ?? Infinity) <= dueAtMs) return;
    this.#dueAtMs.set(key, dueAtMs);
    this.#wake();
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
        return key;
      }
      await this.#waitForWork(signal);
    }
  }

  /** The key is no longer handled by the worker that took it. */
  done(key: string): void {
    this.#active.delete(key);
    if (this.#ready.has(key)) this.#wake();
  }

  #promoteDue(): void {
    const nowMs = this.#clock.elapsedMs();
    for (const [key, dueAtMs] of this.#dueAtMs) {
      if (dueAtMs > nowMs) continue;
      this.#dueAtMs.delete(key);
      this.#ready.add(key);
    }
  }

  async #waitForWork(signal: AbortSignal): Promise<void> {
    const woken = new AbortController();
    const wake = (): void => woken.abort();
    this.#wakers.add(wake);
    signal.addEventListener("abort", wake, { once: true });
    const nextDueMs = Math.min(...this.#dueAtMs.values(), this.#clock.elapsedMs() + MAX_SLEEP_MS);
    try {
      await this.#clock.sleep(Math.max(0, nextDueMs - this.#clock.elapsedMs()), woken.signal);
    } catch (error) {
      if (!woken.signal.aborted) throw error;
    } finally {
      this.#wakers.delete(wake);
      signal.removeEventListener("abort", wake);
    }
  }

  #wake(): void {
    for (const wake of this.#wakers) wake();
  }
}

const MAX_SLEEP_MS = 3_600_000;
