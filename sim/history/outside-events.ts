import { resourceUriKey } from "../../src/core/azure/disk-uri.ts";
import type { Clock } from "../../src/ports/clock.ts";

/**
 * How long the mark that a node is out of service counts after it was taken off, in milliseconds: the
 * answer of who was asked for it may be on its way.
 */
const OUT_OF_SERVICE_ECHO_MS = 5_000;

/**
 * How long news may still be late after the fault that delayed it, in milliseconds: the longest delay of a
 * watch, 30 s, and the 15 s after which another controller takes a Lease.
 */
const LATE_NEWS_ECHO_MS = 45_000;

/**
 * What others than the driver did, so that checkers do not hold the driver to it. Faults and operators
 * write it down as they do it.
 */
export interface OutsideEvents {
  noteOutOfService(nodeName: string, isOutOfService: boolean): void;
  /**
   * Whether the node's workloads are, or just were, said to be dead: who is cut off there is not cut off by
   * mistake. `elapsedMs`: at that moment of the run, in milliseconds. Default: now.
   */
  wasOutOfService(nodeName: string, elapsedMs?: number): boolean;
  /** Something else than its plug-in writes with the node's token: what its objects ask for is no request. */
  noteStolenToken(nodeName: string): void;
  isTokenStolen(nodeName: string): boolean;
  /**
   * A fault begins or ends by which controllers learn late of what happens. Several may be under way at
   * once.
   */
  noteDelayedNews(isDelayed: boolean): void;
  /**
   * Whether such a fault is under way, or ended so recently that controllers may not know yet what happened
   * during it.
   */
  isNewsLate(): boolean;
  /** Somebody else's data stands on the disk. */
  noteForeignData(diskUri: string): void;
  hasForeignData(diskUri: string): boolean;
}

/** Nothing done yet. */
export function createOutsideEvents(clock: Clock): OutsideEvents {
  /** From when until when, oldest first: until infinity while the mark stands. */
  const marks = new Map<string, { readonly fromMs: number; untilMs: number }[]>();
  const foreign = new Set<string>();
  const stolen = new Set<string>();
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
    noteStolenToken: (nodeName) => {
      stolen.add(nodeName);
    },
    isTokenStolen: (nodeName) => stolen.has(nodeName),
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
