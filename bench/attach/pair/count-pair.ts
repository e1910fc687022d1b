import { createVolume, publish, unpublish, untilDone } from "../bursts.ts";
import { diskUri } from "../place.ts";
import { createVirtualDriver } from "../virtual-driver.ts";
import { type CountedCall, createCallCounter, SETTLE_MS, untilResynced } from "./call-counter.ts";

/** Pairs before the one that is counted: a driver that has just started has to learn how long Azure takes. */
const WARM_PAIRS = 2;
/** All calls take as long, so that none overtakes another, and watches deliver what a call did sooner. */
const STORE_MS = { callDelayMs: [10, 10], watchDelayMs: [5, 5] } as const;
const NAME = "pvc-0";
const never = new AbortController().signal;

/** Counts the calls of the object store and the passes of the loops for one volume. */
export interface CountedPair {
  readonly creation: CountedCall;
  readonly publish: CountedCall;
  readonly unpublish: CountedCall;
}

/**
 * One volume is created, and published and unpublished again and again by the whole controller on a
 * virtual clock, at Azure's own pace; the last pair counts.
 */
export async function countPair(): Promise<CountedPair> {
  const counter = createCallCounter();
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
