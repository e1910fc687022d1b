import type { Kind, ObjectStore } from "../../../src/ports/store/object-store.ts";
import type { DriverObserver, VirtualDriver } from "../virtual-driver.ts";

/** Until no pass or call follows from the last answer, in milliseconds. */
export const SETTLE_MS = 2_000;
/** A loop that looks at all nodes several times a second, whatever happens. */
const AT_INTERVALS = "silence";
/** Files that pass calls on. */
const WRAPPERS: readonly string[] = ["guard-changes", "label-first", "limited-store", "no-steps"];
/** Frames of a stack trace: a call of the store comes from far below its caller. */
const FRAMES_MAX = 60;
const never = new AbortController().signal;

/** What one call of CSI leads to besides calls of Azure. */
export interface CountedCall {
  /** Calls of the object store in order, with the file that makes them: `get AzVolume: detach`. */
  readonly calls: readonly string[];
  /** The loops whose passes have ended, sorted. */
  readonly passes: readonly string[];
}

/** Counts calls of the object store and passes of the loops. */
export interface CallCounter extends DriverObserver {
  readonly begin: () => void;
  readonly counted: () => CountedCall;
}

/** So that what the loops do each minute is in no count. */
export async function untilResynced({ cloud }: VirtualDriver, counter: CallCounter): Promise<void> {
  counter.begin();
  while (!counter.counted().passes.includes("resync")) await cloud.clock.sleep(SETTLE_MS, never);
  await cloud.clock.sleep(SETTLE_MS, never);
}

/** Counts from `begin` on. The renewals of the Lease are left out. */
export function createCallCounter(): CallCounter {
  let calls: string[] = [];
  let passes: string[] = [];
  const call = (verb: string, kind: Kind): void => void calls.push(`${verb} ${kind}: ${callerOf()}`);
  return {
    observed: (store): ObjectStore => ({
      ...store,
      get: (kind, ...rest) => {
        call("get", kind);
        return store.get(kind, ...rest);
      },
      list: (kind, ...rest) => {
        call("list", kind);
        return store.list(kind, ...rest);
      },
      create: (kind, ...rest) => {
        call("create", kind);
        return store.create(kind, ...rest);
      },
      update: (kind, ...rest) => {
        call("update", kind);
        return store.update(kind, ...rest);
      },
      updateStatus: (kind, ...rest) => {
        call("updateStatus", kind);
        return store.updateStatus(kind, ...rest);
      },
      delete: (kind, ...rest) => {
        call("delete", kind);
        return store.delete(kind, ...rest);
      },
    }),
    loops: {
      runs: () => () => undefined,
      passEnded: (loop) => {
        if (loop !== AT_INTERVALS) passes.push(loop);
      },
    },
    begin: () => {
      calls = [];
      passes = [];
    },
    counted: () => ({ calls, passes: passes.toSorted() }),
  };
}

/** The file of the controller or of its CSI service that makes the present call; empty: it can't be seen. */
function callerOf(): string {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = FRAMES_MAX;
  const { stack = "" } = new Error("where");
  Error.stackTraceLimit = stackTraceLimit;
  const frames = stack.matchAll(/\/src\/(?:controller|csi)\/(?:[\w-]+\/)*([\w-]+)\.ts/gu);
  return [...frames].map(([, file = ""]) => file).find((file) => !WRAPPERS.includes(file)) ?? "";
}
