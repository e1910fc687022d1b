import { resourceUriKey } from "../../src/core/azure/ids/disk-uri.ts";
import type { Clock } from "../../src/ports/clock.ts";

/**
 * How long the out-of-service mark counts after its removal, in milliseconds: a call that was sent on the
 * strength of it may be on its way.
 */
const OUT_OF_SERVICE_ECHO_MS = 5_000;

/**
 * How long changes may still be seen late after the fault that delayed them, in milliseconds: the longest
 * delay of a watch, 30 s, and the 15 s after which another controller acquires a Lease.
 */
const LATE_NEWS_ECHO_MS = 45_000;

/**
 * The actions of others than the driver, so that checkers do not attribute them to the driver. Faults and
 * operators record them as they act.
 */
export interface OutsideEvents {
  noteOutOfService(nodeName: string, isOutOfService: boolean): void;
  /**
   * Whether the node's workloads are, or just were, declared dead: fencing them is then no error.
   * `elapsedMs`: at that moment of the run, in milliseconds. Default: now.
   */
  wasOutOfService(nodeName: string, elapsedMs?: number): boolean;
  /** A fault begins or ends that delays what controllers see. Several may be under way at once. */
  noteDelayedNews(isDelayed: boolean): void;
  /**
   * Whether such a fault is under way, or ended so recently that controllers may not have seen yet what
   * happened during it.
   */
  isNewsLate(): boolean;
  /** The disk has another client's data. */
  noteForeignData(diskUri: string): void;
  hasForeignData(diskUri: string): boolean;
}

/** No event yet. */
export function createOutsideEvents(clock: Clock): OutsideEvents {
  /** From when until when, oldest first: until infinity while the mark is set. */
  const marks = new Map<string, { readonly fromMs: number; untilMs: number }[]>();
  const foreign = new Set<string>();
  let delays = 0;
  let lateUntilMs = Number.NEGATIVE_INFINITY;
  return {
    noteOutOfService: (nodeName, isOutOfService) => {
      const known = marks.get(nodeName) ?? [];
      marks.set(nodeName, known);
      const standing = known.find(({ untilMs }) => untilMs === Number.POSITIVE_INFINITY);
      if (isOutOfService && standing === undefined)
        known.push({ fromMs: clock.elapsedMs(), untilMs: Number.POSITIVE_INFINITY });
      if (!isOutOfService && standing !== undefined)
        standing.untilMs = clock.elapsedMs() + OUT_OF_SERVICE_ECHO_MS;
    },
    wasOutOfService: (nodeName, elapsedMs = clock.elapsedMs()) =>
      (marks.get(nodeName) ?? []).some(({ fromMs, untilMs }) => fromMs <= elapsedMs && elapsedMs < untilMs),
    noteDelayedNews: (isDelayed) => {
      delays += isDelayed ? 1 : -1;
      if (!isDelayed) lateUntilMs = clock.elapsedMs() + LATE_NEWS_ECHO_MS;
    },
    isNewsLate: () => delays > 0 || clock.elapsedMs() < lateUntilMs,
    noteForeignData: (diskUri) => {
      foreign.add(resourceUriKey(diskUri));
    },
    hasForeignData: (diskUri) => foreign.has(resourceUriKey(diskUri)),
  };
}
