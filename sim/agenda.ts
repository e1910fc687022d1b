import { createChangeSignal } from "../src/adapters/object-semantics/change-signal.ts";
import type { Clock } from "../src/ports/clock.ts";

/** The timed events around the driver: Azure, kernels, kubelets that restart containers. */
export interface Agenda {
  /** Runs `act` once after that time, while `run` runs. */
  after(ms: number, act: () => void): void;
  /** Runs what is due until `signal` is aborted. To be called once. */
  run(signal: AbortSignal): Promise<void>;
}

interface Entry {
  readonly atMs: number;
  readonly act: () => void;
}

/** The longest single sleep. */
const SLEEP_MAX_MS = 3_600_000;

/** An empty agenda on a world's clock. Entries of one time run in the order in which they were added. */
export function createAgenda(clock: Clock): Agenda {
  const entries: Entry[] = [];
  const sooner = createChangeSignal(clock);
  let wakesAtMs = Infinity;

  function doDue(): void {
    for (let first = entries[0]; first !== undefined && first.atMs <= clock.elapsedMs(); first = entries[0]) {
      entries.shift();
      first.act();
    }
  }

  return {
    after: (ms, act) => {
      const atMs = clock.elapsedMs() + Math.max(0, ms);
      let at = entries.length;
      while (at > 0 && (entries[at - 1]?.atMs ?? 0) > atMs) at--;
      entries.splice(at, 0, { atMs, act });
      if (atMs < wakesAtMs) sooner.notify();
    },
    run: async (signal) => {
      while (!signal.aborted) {
        doDue();
        wakesAtMs = Math.min(entries[0]?.atMs ?? Infinity, clock.elapsedMs() + SLEEP_MAX_MS);
        await sooner.wait(wakesAtMs - clock.elapsedMs(), signal);
      }
    },
  };
}
