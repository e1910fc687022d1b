import { resourceUriKey } from "../../src/core/model/disk-uri.ts";
import type { Clock } from "../../src/ports/clock.ts";

/** How long the mark that a node is out of service counts after it was taken off, in milliseconds: what was decided on it may still land. */
const OUT_OF_SERVICE_ECHO_MS = 120_000;
/** How long somebody else's hand may be at work on a disk, in milliseconds: Azure may make them wait and try again. */
const HAND_ECHO_MS = 180_000;

/** What others than the driver did, so that checkers do not hold the driver to it. Faults and operators write it down as they do it. */
export interface OutsideEvents {
  noteOutOfService(nodeName: string, isOutOfService: boolean): void;
  /** Whether the node's workloads are, or just were, said to be dead: who is cut off there is not cut off by mistake. */
  wasOutOfService(nodeName: string): boolean;
  /** Somebody else moves the disk, or deletes it, now or soon. */
  noteHandOn(diskUri: string): void;
  hadHandOn(diskUri: string): boolean;
  /** Somebody else's data stands on the disk. */
  noteForeignData(diskUri: string): void;
  hasForeignData(diskUri: string): boolean;
}

/** Nothing done yet. */
export function createOutsideEvents(clock: Clock): OutsideEvents {
  /** Until when: infinity while the mark stands. */
  const outOfServiceUntilMs = new Map<string, number>();
  const handledUntilMs = new Map<string, number>();
  const foreign = new Set<string>();
  return {
    noteOutOfService: (nodeName, isOutOfService) => {
      if (isOutOfService) outOfServiceUntilMs.set(nodeName, Number.POSITIVE_INFINITY);
      else if (outOfServiceUntilMs.get(nodeName) === Number.POSITIVE_INFINITY) outOfServiceUntilMs.set(nodeName, clock.elapsedMs() + OUT_OF_SERVICE_ECHO_MS);
    },
    wasOutOfService: (nodeName) => (outOfServiceUntilMs.get(nodeName) ?? 0) > clock.elapsedMs(),
    noteHandOn: (diskUri) => {
      handledUntilMs.set(resourceUriKey(diskUri), clock.elapsedMs() + HAND_ECHO_MS);
    },
    hadHandOn: (diskUri) => (handledUntilMs.get(resourceUriKey(diskUri)) ?? 0) > clock.elapsedMs(),
    noteForeignData: (diskUri) => {
      foreign.add(resourceUriKey(diskUri));
    },
    hasForeignData: (diskUri) => foreign.has(resourceUriKey(diskUri)),
  };
}
