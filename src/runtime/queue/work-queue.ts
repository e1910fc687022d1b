import { type Backoff, fullBackoffMs } from "../../core/primitives/backoff.ts";
import type { Clock } from "../../ports/clock.ts";
import type { QueueDepth } from "../../ports/loop-observer.ts";
import type { Random } from "../../ports/random.ts";

/** The share of a delay by which chance shortens it, at most. */
const JITTER_SHARE = 0.2;
/**
 * The shortest delay, in milliseconds. A shorter one could vanish in the rounding of the time that it is
 * added to: the key would come again and again while no time passes.
 */
const DELAY_MIN_MS = 1;
/** The longest time that the alarm sleeps at once, in milliseconds. */
const SLEEP_MAX_MS = 3_600_000;
/** Without a reason each abort creates an error with a stack, which takes longer than all the rest of it. */
const STOPPED = "stopped";

/** A worker that waits for a key, until its signal is aborted. */
interface WaitingWorker {
  readonly signal: AbortSignal;
  readonly resolve: (key: string) => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * A queue of keys: each key is queued at most once, is handled by one worker at a time, and comes again
 * if it was added while it was handled. Failures are requeued with a back-off per key.
 */
export class WorkQueue {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #backoff: Backoff;
  readonly #ready = new Set<string>();
  readonly #active = new Set<string>();
  /** Keys that `addWhenDue` has added while they were handled. */
  readonly #changed = new Set<string>();
  readonly #dueAtMs = new Map<string, number>();
  readonly #failures = new Map<string, number>();
  /** Workers that wait for a key, in the order of their arrival. */
  readonly #waiting = new Set<WaitingWorker>();
  /**
   * Signals that have their listener: one for all workers. A signal's listeners are a list, which each call
   * that adds or removes one searches, and calls of the store do so as well.
   */
  readonly #heard = new WeakSet<AbortSignal>();
  /** No delayed key is due before this. */
  #noneDueBeforeMs = Infinity;
  /** Rings when the next key is due, while a worker waits: an idle timer would keep a process from ending. */
  #alarm: { readonly atMs: number; readonly stop: AbortController } | undefined;
  #isHandingOut = false;

  constructor(ports: { readonly clock: Clock; readonly random: Random }, backoff: Backoff) {
    this.#clock = ports.clock;
    this.#random = ports.random;
    this.#backoff = backoff;
  }

  /** Keys that are ready, waiting for their time, or being handled. */
  get depth(): QueueDepth {
    return { ready: this.#ready.size, delayed: this.#dueAtMs.size, active: this.#active.size };
  }

  /** Adds a key, now. */
  add(key: string): void {
    this.#dueAtMs.delete(key);
    this.#ready.add(key);
    this.#handOutSoon();
  }

  /** Adds a key without a known change: one that is being handled, or waits for its time, stays so. */
  remind(key: string): void {
    if (!this.#active.has(key) && !this.#dueAtMs.has(key)) this.add(key);
  }

  /**
   * Adds a key with a known change, but not before the time that it waits for. One that is being handled
   * comes again then, or as soon as it is done.
   */
  addWhenDue(key: string): void {
    if (this.#dueAtMs.has(key)) return;
    if (this.#active.has(key)) this.#changed.add(key);
    else this.add(key);
  }

  /** Adds a key after `delayMs`, a millisecond at least, unless it is due earlier anyway. */
  addAfter(key: string, delayMs: number): void {
    const dueAtMs = this.#clock.elapsedMs() + Math.max(DELAY_MIN_MS, delayMs);
    if (this.#ready.has(key) || (this.#dueAtMs.get(key) ?? Infinity) <= dueAtMs) return;
    this.#dueAtMs.set(key, dueAtMs);
    this.#noneDueBeforeMs = Math.min(this.#noneDueBeforeMs, dueAtMs);
    this.#setAlarm();
  }

  /** Adds a key that has failed, after its back-off and not before `notBeforeMs`. */
  addFailed(key: string, notBeforeMs = 0): void {
    const failures = (this.#failures.get(key) ?? 0) + 1;
    this.#failures.set(key, failures);
    const delayMs = fullBackoffMs({ ...this.#backoff, attempt: failures });
    this.addAfter(key, Math.max(notBeforeMs, delayMs * (1 - JITTER_SHARE * this.#random.next())));
  }

  /** A key has succeeded: its next failure starts from the first delay again. */
  forget(key: string): void {
    this.#failures.delete(key);
  }

  /** The next key that is not being handled, as soon as there is one. Rejects when `signal` is aborted. */
  take(signal: AbortSignal): Promise<string> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      this.#makeDueReady();
      const ready = this.#nextReady();
      if (ready !== undefined) return resolve(ready);
      this.#waiting.add({ signal, resolve, reject });
      this.#hear(signal);
      this.#setAlarm();
    });
  }

  #hear(signal: AbortSignal): void {
    if (this.#heard.has(signal)) return;
    this.#heard.add(signal);
    const leave = (): void => {
      for (const worker of this.#waiting) {
        if (worker.signal !== signal) continue;
        this.#stopWaiting(worker);
        worker.reject(signal.reason);
      }
    };
    signal.addEventListener("abort", leave, { once: true });
  }

  #stopWaiting(worker: WaitingWorker): void {
    this.#waiting.delete(worker);
    if (this.#waiting.size === 0) this.#stopAlarm();
  }

  /** The key is no longer handled by the worker that took it. */
  done(key: string): void {
    this.#active.delete(key);
    if (this.#changed.delete(key) && !this.#dueAtMs.has(key)) this.#ready.add(key);
    if (this.#ready.has(key)) this.#handOutSoon();
  }

  #nextReady(): string | undefined {
    for (const key of this.#ready) {
      if (this.#active.has(key)) continue;
      this.#ready.delete(key);
      this.#active.add(key);
      return key;
    }
    return undefined;
  }

  /**
   * A waiting worker gets a key only once the present step is over: until then the same key may be added
   * again, and is queued once.
   */
  #handOutSoon(): void {
    if (this.#isHandingOut || this.#waiting.size === 0) return;
    this.#isHandingOut = true;
    queueMicrotask(() => {
      this.#isHandingOut = false;
      for (const worker of this.#waiting) {
        const key = this.#nextReady();
        if (key === undefined) return;
        this.#stopWaiting(worker);
        worker.resolve(key);
      }
    });
  }

  #makeDueReady(): void {
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

  /** Only while a worker waits: a worker that gets a key checks itself what is due. */
  #setAlarm(): void {
    const atMs = this.#noneDueBeforeMs;
    if (this.#waiting.size === 0 || atMs >= (this.#alarm?.atMs ?? Infinity)) return;
    this.#stopAlarm();
    const alarm = { atMs, stop: new AbortController() };
    this.#alarm = alarm;
    const ring = (): void => {
      if (this.#alarm === alarm) this.#alarm = undefined;
      this.#makeDueReady();
      this.#handOutSoon();
      this.#setAlarm();
    };
    this.#clock
      .sleep(Math.max(0, Math.min(atMs - this.#clock.elapsedMs(), SLEEP_MAX_MS)), alarm.stop.signal)
      .then(ring, (error: unknown) => {
        if (!alarm.stop.signal.aborted) throw error;
      });
  }

  #stopAlarm(): void {
    this.#alarm?.stop.abort(STOPPED);
    this.#alarm = undefined;
  }
}
