import { createVolume, publish, unpublish, untilDone } from "../bursts.ts";
import { diskUri } from "../place.ts";
import { createVirtualDriver } from "../virtual-driver.ts";
import { type CountedCall, createCallCounter, SETTLE_MS, untilResynced } from "./call-counter.ts";

/** A call of the object store takes so long, and a change reaches a watch almost at once, in milliseconds. */
const CALL_MS = 10;
const WATCH_MS = 1;
/** Moves before those that are counted: the first to a node writes its label. */
const WARM_MOVES = 2;
/** A watch shows a change before its writer has the answer, or after it, as chance has it. */
const COUNTED_MOVES = 8;
const NAME = "pvc-0";
const never = new AbortController().signal;

/** A call of CSI with all that follows from it. */
export interface CountedMoveCall extends Pick<CountedCall, "calls"> {
  /** Calls of the object store one after another until the answer, at most. */
  readonly roundTrips: number;
}

/** Counts the calls of the object store for a volume that moves to a node with a replica. */
export interface CountedMove {
  readonly unpublish: CountedMoveCall;
  readonly publish: CountedMoveCall;
}

/**
 * A volume of two shares moves between two nodes, unpublished from the one and published to the other, by the
 * whole controller on a virtual clock; no node plug-in acquires or releases it. The calls are those of the last
 * move.
 */
export async function countMove(): Promise<CountedMove> {
  const counter = createCallCounter();
  const driver = await createVirtualDriver({
    vms: 2,
    observer: counter,
    weather: { callDelayMs: [CALL_MS, CALL_MS], watchDelayMs: [WATCH_MS, WATCH_MS] },
  });
  const { clock, run, nodes } = driver.cloud;
  const volumeId = diskUri(NAME);
  const count = async (act: () => Promise<unknown>): Promise<CountedMoveCall> => {
    await run(untilResynced(driver, counter));
    counter.begin();
    const startedMs = clock.elapsedMs();
    await run(act());
    const roundTrips = Math.floor((clock.elapsedMs() - startedMs) / CALL_MS);
    await run(clock.sleep(SETTLE_MS, never));
    return { calls: counter.counted().calls, roundTrips };
  };
  const [first = "", second = ""] = nodes.map(({ nodeName }) => nodeName);
  await run(createVolume(driver, NAME, 2));
  await run(publish(driver, volumeId, first));
  await run(untilDone(driver, 2));
  const moves: CountedMove[] = [];
  for (
    let move = 1, from = first, to = second;
    move <= WARM_MOVES + COUNTED_MOVES;
    move++, [from, to] = [to, from]
  ) {
    const unpublished = await count(() => unpublish(driver, volumeId, from));
    const published = await count(() => publish(driver, volumeId, to));
    if (move > WARM_MOVES) moves.push({ unpublish: unpublished, publish: published });
  }
  const longest = (call: keyof CountedMove): CountedMoveCall =>
    moves
      .map((move) => move[call])
      .reduce((longer, next) => ({
        ...next,
        roundTrips: Math.max(longer.roundTrips, next.roundTrips),
      }));
  return { unpublish: longest("unpublish"), publish: longest("publish") };
}
