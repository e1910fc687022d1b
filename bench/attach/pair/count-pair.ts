import type { Kind, ObjectStore } from "../../../src/ports/store/object-store.ts";
import { createVolume, publish, unpublish, untilDone } from "../bursts.ts";
import { diskUri } from "../place.ts";
import { createVirtualDriver, type DriverObserver, type VirtualDriver } from "../virtual-driver.ts";

/** Pairs before the one that is counted: a driver that has just started has to learn how long Azure takes. */
const WARM_PAIRS = 2;
/** All calls take as long, so that none overtakes another, and watches deliver what a call did sooner. */
const STORE_MS = { callDelayMs: [10, 10], watchDelayMs: [5, 5] } as const;
/** Until no pass or call follows from the last answer, in milliseconds. */
const SETTLE_MS = 2_000;
/** A loop that looks at all nodes several times a second, whatever happens. */
const AT_INTERVALS = "silence";
/** Files that pass calls on. */
const WRAPPERS: readonly string[] = ["guard-changes", "label-first", "limited-store", "no-steps"];
/** Frames of a stack trace: a call of the store comes from far below its caller. */
const FRAMES_MAX = 60;
const NAME = "pvc-0";
const never = new AbortController().signal;

/** What one call of CSI leads to besides calls of Azure. */
export interface CountedCall {
  /** Calls of the object store in order, with the file that makes them: `get AzVolume: detach`. */
  readonly calls: readonly string[];
  /** The loops whose passes have ended, sorted. */
  readonly passes: readonly string[];
}

/** Counts the calls of the object store and the passes of the loops for one volume. */
export interface CountedPair {
  readonly creation: CountedCall;
  readonly publish: CountedCall;
  readonly unpublish: CountedCall;
}

/**
 * One volume is created, and published and unpublished again and again by the whole controller on a
 * virtual clock, at Azure's own pace; the last pair counts. The renewals of the Lease are left out.
 */
export async function countPair(): Promise<CountedPair> {
  const counter = createCounter();
  const driver = await createVirtualDriver({ vms: 1, observer: counter, weather: STORE_MS });
  const volumeId = diskUri(NAME);
  const count = async (act: () => Promise<unknown>): Promise<CountedCall> => {
    await driver.cloud.run(untilResynced(driver, counter));
    counter.begin();
    await driver.cloud.run(act().then(() => driver.cloud.clock.sleep(SETTLE_MS, never)));
    return counter.counted();
  };
  const creation = await count(() => createVolume(driver, NAME));
  for (let pair = 0; ; pair++) {
    const published = await count(async () => {
      await publish(driver, volumeId);
      await untilDone(driver, 1);
    });
    const unpublished = await count(() => unpublish(driver, volumeId));
    if (pair === WARM_PAIRS) return { creation, publish: published, unpublish: unpublished };
  }
}

interface Counter extends DriverObserver {
  readonly begin: () => void;
  readonly counted: () => CountedCall;
}

/** So that what the loops do each minute is in no count. */
async function untilResynced({ cloud }: VirtualDriver, counter: Counter): Promise<void> {
  counter.begin();
  while (!counter.counted().passes.includes("resync")) await cloud.clock.sleep(SETTLE_MS, never);
  await cloud.clock.sleep(SETTLE_MS, never);
}

function createCounter(): Counter {
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
