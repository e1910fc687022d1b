import { performance } from "node:perf_hooks";
import { getHeapStatistics } from "node:v8";
import { type Clock, sleepUnlessAborted } from "../../ports/clock.ts";

/** How often the load is read, in milliseconds. */
const LOOK_EVERY_MS = 1_000;
/** A process that works for less than this share of the time is quiet. */
const QUIET_SHARE_MAX = 0.02;
/** Looks in a row that find it quiet before it is stopped for a collection. */
const QUIET_LOOKS = 3;
/**
 * Heaps above this are left to V8: a collection stops the process for 2 to 4 ms a MiB, and a call would wait
 * for it.
 */
const HEAP_BYTES_MAX = 64 * 1024 * 1024;
/** Less growth than this since the last collection is not worth another. */
const GROWTH_BYTES_MIN = 8 * 1024 * 1024;

export interface ProcessHeap {
  /** The share of the time, 0 to 1, in which the process worked since the last call. */
  readonly busyShare: () => number;
  /** Bytes that objects take, the dead ones included. */
  readonly usedBytes: () => number;
  /** Collects all garbage, and returns the pages to the system. */
  readonly collect: () => Promise<void>;
}

/** This process; undefined without `--expose-gc`. */
export function processHeap(): ProcessHeap | undefined {
  const { gc } = globalThis;
  if (gc === undefined) return undefined;
  let last = performance.eventLoopUtilization();
  return {
    busyShare: () => {
      const now = performance.eventLoopUtilization();
      const { utilization } = performance.eventLoopUtilization(now, last);
      last = now;
      return utilization;
    },
    usedBytes: () => getHeapStatistics().used_heap_size,
    collect: () => gc({ type: "major", execution: "async", flavor: "last-resort" }),
  };
}

/**
 * Collects the garbage of a burst of work once the process is quiet, until `signal` is aborted. V8 itself
 * collects only while a program allocates, so that an idle process would keep what its last burst left. The
 * start counts as a burst.
 */
export async function collectWhenQuiet(heap: ProcessHeap, clock: Clock, signal: AbortSignal): Promise<void> {
  let quietLooks = 0;
  let leftBytes = 0;
  while (!signal.aborted) {
    await sleepUnlessAborted(clock, LOOK_EVERY_MS, signal);
    if (signal.aborted) return;
    quietLooks = heap.busyShare() > QUIET_SHARE_MAX ? 0 : quietLooks + 1;
    const usedBytes = heap.usedBytes();
    leftBytes = Math.min(leftBytes, usedBytes);
    if (quietLooks < QUIET_LOOKS || usedBytes > HEAP_BYTES_MAX || usedBytes < leftBytes + GROWTH_BYTES_MIN)
      continue;
    await heap.collect();
    leftBytes = heap.usedBytes();
  }
}
