import { asKind } from "../../src/adapters/object-semantics/stored-object.ts";
import type { SimulatedStore } from "../../src/adapters/simulated-store/simulated-store.ts";
import { CONTROLLER_LEASE, storeIncarnationOf } from "../../src/core/api/lease.ts";
import type { Clock } from "../../src/ports/clock.ts";
import { type CallsJournal, type JournalWatch, readerOf } from "../history/journal-reader.ts";
import type { Violation } from "../history/violation.ts";

/**
 * More than this within 60 virtual seconds is a loop that spins. Faults and failovers together stay far
 * below it.
 */
interface PaceLimits {
  /** Writes of one object. */
  readonly writesOfObjectMax: number;
  /** Calls to Azure about one resource, without polls of operations. */
  readonly callsOfResourceMax: number;
}

/**
 * A pod that is deleted repeatedly returns up to twice a second, with some five writes of its volume each
 * time; a spinning loop made 1,200 a minute. Fences, write barriers and attaches of one VM that wait while
 * Azure works on it each read it for themselves: in seed 3156 some 150 times a minute in all, at the
 * simulation's scale, and 241 times when every batch began at the shortest pace.
 */
const defaultPaceLimits: PaceLimits = { writesOfObjectMax: 600, callsOfResourceMax: 240 };

const MINUTE_MS = 60_000;

/** No loop spins: counts the writes of each object and the calls about each resource within any minute. */
export interface PaceWatch extends JournalWatch {
  /** Calls to Azure so far, without polls. */
  armCalls(): number;
  /**
   * Store incarnations that restored backups have taken back, by the controllers' Lease: every record is
   * rebuilt for each.
   */
  incarnationsLost(): number;
}

/** Watches from now on. */
export function watchPace(
  world: {
    readonly clock: Pick<Clock, "elapsedMs">;
    readonly store: Pick<SimulatedStore, "onCommit">;
    readonly journal: CallsJournal<"atMs" | "kind" | "path">;
    readonly report: (violation: Omit<Violation, "atMs">) => void;
  },
  limits: PaceLimits = defaultPaceLimits,
): PaceWatch {
  const writes = createMinuteCounter(limits.writesOfObjectMax, (what) =>
    world.report({
      invariant: "spinning",
      detail: `${what} was written more than ${limits.writesOfObjectMax} times in a minute`,
    }),
  );
  const calls = createMinuteCounter(limits.callsOfResourceMax, (what) =>
    world.report({
      invariant: "spinning",
      detail: `Azure was called more than ${limits.callsOfResourceMax} times in a minute about ${what}`,
    }),
  );
  const read = readerOf(world.journal);
  let armCalls = 0;
  let incarnation = 0;
  let incarnationsLost = 0;

  world.store.onCommit(({ kind, name, atMs, after }) => {
    writes.count(`${kind} ${name}`, atMs);
    if (kind !== "Lease" || name !== CONTROLLER_LEASE || after === undefined) return;
    const present = storeIncarnationOf(asKind<"Lease">(after));
    incarnationsLost += Math.max(0, incarnation - present);
    incarnation = present;
  });
  return {
    look: () => {
      for (const { kind, path, atMs } of read()) {
        if (kind !== "arm") continue;
        armCalls += 1;
        calls.count(path, atMs);
      }
    },
    armCalls: () => armCalls,
    incarnationsLost: () => incarnationsLost,
  };
}

/** Counts within any minute, not by the clock's minutes: a burst may span two of those. */
function createMinuteCounter(
  max: number,
  onTooMany: (what: string) => void,
): { count(what: string, atMs: number): void } {
  const times = new Map<string, number[]>();
  const reported = new Set<string>();
  return {
    count: (what, atMs) => {
      const lastMinute = times.get(what) ?? [];
      times.set(what, lastMinute);
      while (lastMinute[0] !== undefined && lastMinute[0] <= atMs - MINUTE_MS) lastMinute.shift();
      lastMinute.push(atMs);
      if (lastMinute.length <= max || reported.has(what)) return;
      reported.add(what);
      onTooMany(what);
    },
  };
}
