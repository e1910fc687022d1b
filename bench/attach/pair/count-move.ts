import { createVolume, publish, unpublish, untilDone } from "../bursts.ts";
import { diskUri } from "../place.ts";
import { createVirtualDriver } from "../virtual-driver.ts";
import { type CountedCall, createCallCounter, SETTLE_MS, untilResynced } from "./call-counter.ts";

/** A call of the object store, and no watch shows a change before its writer has the answer; milliseconds. */
const CALL_MS = 10;
/** Moves before the one that is counted: the first to a node writes its label. */
const WARM_MOVES = 2;
const NAME = "pvc-0";
const never = new AbortController().signal;

/** A call of CSI with all that follows from it. */
export interface CountedMoveCall extends Pick<CountedCall, "calls"> {
  /** Calls of the object store one after another until the answer. */
  readonly roundTrips: number;
}

/** Counts the calls of the object store for a volume that moves to a node with a replica. */
export interface CountedMove {
  readonly unpublish: CountedMoveCall;
  readonly publish: CountedMoveCall;
}

/**
 * A volume of two shares moves between two nodes, unpublished from the one and published to the other, by the
 * whole controller on a virtual clock; no node plug-in acquires or releases it. The last move counts.
 */
export async function countMove(): Promise<CountedMove> {
  const counter = createCallCounter();
  const driver = await createVirtualDriver({
    vms: 2,
    observer: counter,
    weather: { callDelayMs: [CALL_MS, CALL_MS], watchDelayMs: [CALL_MS, CALL_MS] },
  });
  const { clock, run, nodes } = driver.cloud;
  const volumeId = diskUri(NAME);
  const count = async (act: () => Promise<unknown>): Promise<CountedMoveCall> => {
    await run(untilResynced(driver, counter));
    counter.begin();
    const startedMs = clock.elapsedMs();
    await run(act());
    const roundTrips = (clock.elapsedMs() - startedMs) / CALL_MS;
    await run(clock.sleep(SETTLE_MS, never));
    return { calls: counter.counted().calls, roundTrips };
  };
  const [first = "", second = ""] = nodes.map(({ nodeName }) => nodeName);
  await run(createVolume(driver, NAME, 2));
  await run(publish(driver, volumeId, first));
  await run(untilDone(driver, 2));
  for (let move = 1, from = first, to = second; ; move++, [from, to] = [to, from]) {
    const unpublished = await count(() => unpublish(driver, volumeId, from));
    const published = await count(() => publish(driver, volumeId, to));
    if (move > WARM_MOVES) return { unpublish: unpublished, publish: published };
  }
}
