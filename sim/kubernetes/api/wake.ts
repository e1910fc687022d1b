import type { Clock } from "../../../src/ports/clock.ts";
import { createLifetime } from "./lifetime.ts";

/** One waiter's signal that something may have changed. A wake-up before it waits is not lost. */
export interface Wake {
  wake(): void;
  /** Waits until woken, at most so many milliseconds. Rejects with the signal's reason. */
  wait(atMostMs: number, signal: AbortSignal): Promise<void>;
}

const WOKEN = new Error("woken");

/** No wake-up yet. */
export function createWake(clock: Pick<Clock, "sleep">): Wake {
  let isAwake = false;
  let waiter: (() => void) | undefined;

  async function sleep(atMostMs: number, signal: AbortSignal): Promise<void> {
    const nap = createLifetime(signal);
    waiter = () => nap.end(WOKEN);
    try {
      if (Number.isFinite(atMostMs)) await clock.sleep(atMostMs, nap.signal);
      else await untilAborted(nap.signal);
    } catch (error) {
      if (error !== WOKEN) throw error;
    } finally {
      waiter = undefined;
      nap.end(WOKEN);
    }
  }

  return {
    wake: () => {
      isAwake = true;
      waiter?.();
    },
    wait: async (atMostMs, signal) => {
      signal.throwIfAborted();
      if (!isAwake) await sleep(atMostMs, signal);
      isAwake = false;
    },
  };
}

function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    if (signal.aborted) reject(signal.reason);
    else signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}
