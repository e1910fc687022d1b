import { type Lane, turnCosts } from "../../core/azure/lane.ts";
import type { Clock } from "../../ports/clock.ts";
import { unlessAborted } from "../../runtime/unless-aborted.ts";

/** A call that needs a turn. */
export interface LineCall {
  readonly lane: Lane;
  /** How long the bucket makes it wait; `isDue`: it may take what is kept for more urgent calls. */
  readonly waitMs: (isDue: boolean) => number;
  /** Takes from the bucket; false: the call can't go now, and its turn is the next one's. */
  readonly enter: () => boolean;
  /** It waits no longer than this, in milliseconds. */
  readonly waitMaxMs: number;
}

/** What a turn ended with: `usedUp` is the end of the call's patience. */
export type Turn = "entered" | "notNow" | "usedUp";

interface Waiting extends LineCall {
  readonly untilMs: number;
  readonly end: (turn: Turn) => void;
  readonly fail: (reason: unknown) => void;
}

/** The calls of one lane, in the order of arrival. */
interface LaneQueue {
  /** The turn of the first call, or, once that has left without it, of the next to come; undefined: none. */
  turn: number | undefined;
  readonly waiting: Waiting[];
}

/** The call that goes next, its turn, and how long it has to wait. */
interface Next {
  readonly queue: LaneQueue;
  readonly turn: number;
  readonly first: Waiting;
  readonly waitMs: number;
}

/**
 * The line of calls that wait for one bucket. Turns are numbers: a call of a lane adds the lane's cost to the
 * turn, and the lowest turn goes first. So a lane gets its share however many calls of other lanes wait, and
 * of one lane the call that came first goes first. A call that gives up leaves its turn to the next call of
 * its lane, so that callers with little patience get the lane's share too. What the bucket keeps for
 * failovers is kept from a call until as many others have passed it that a new failover would come after it.
 */
export class CallLine {
  readonly #clock: Clock;
  readonly #lifetime: AbortSignal;
  readonly #queues = new Map<Lane, LaneQueue>();
  /** The highest turn that a call has had. */
  #passed = 0;
  /** When the line is served next if no call comes, by the clock's `elapsedMs`. */
  #alarmAtMs = Infinity;

  /** `lifetime` ends all waits at shutdown. */
  constructor(clock: Clock, lifetime: AbortSignal) {
    this.#clock = clock;
    this.#lifetime = lifetime;
  }

  /** Waits for the call's turn, and enters it. Rejects with the signal's reason if that comes first. */
  async run(call: LineCall, signal: AbortSignal): Promise<Turn> {
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<Turn>();
    const untilMs = this.#clock.elapsedMs() + call.waitMaxMs;
    const waiting: Waiting = { ...call, untilMs, end: resolve, fail: reject };
    const queue = this.#queueOf(call.lane);
    queue.waiting.push(waiting);
    // A turn that was left long ago is worth one call, not all those that could have gone since.
    queue.turn = Math.max(queue.turn ?? this.#passed + turnCosts[call.lane], this.#passed);
    this.#serve();
    try {
      return await unlessAborted(promise, signal);
    } finally {
      drop(queue, waiting);
    }
  }

  /** Where no call waits, one for which the bucket has room needs no turn. */
  isEmpty(): boolean {
    return [...this.#queues.values()].every(({ waiting }) => waiting.length === 0);
  }

  #queueOf(lane: Lane): LaneQueue {
    const queue = this.#queues.get(lane) ?? { turn: undefined, waiting: [] };
    this.#queues.set(lane, queue);
    return queue;
  }

  /** Lets all calls go that may, ends those whose patience is over, and comes back for the others. */
  #serve(): void {
    const nowMs = this.#clock.elapsedMs();
    let next = this.#next();
    for (; next !== undefined && next.waitMs <= 0; next = this.#next()) this.#enter(next);
    let alarmAtMs = next === undefined ? Infinity : nowMs + next.waitMs;
    for (const queue of this.#queues.values())
      for (const waiting of [...queue.waiting])
        if (waiting.untilMs > nowMs) alarmAtMs = Math.min(alarmAtMs, waiting.untilMs);
        else {
          drop(queue, waiting);
          waiting.end("usedUp");
        }
    if (alarmAtMs < this.#alarmAtMs) this.#setAlarm(alarmAtMs);
  }

  /** The first call of that lane which may go soonest, and of these the one with the lowest turn. */
  #next(): Next | undefined {
    const failoverTurn = this.#passed + turnCosts.failover;
    return [...this.#queues.values()]
      .flatMap((queue) => {
        const { turn, waiting } = queue;
        const [first] = waiting;
        return first === undefined || turn === undefined
          ? []
          : [{ queue, turn, first, waitMs: first.waitMs(turn < failoverTurn) }];
      })
      .toSorted((left, right) => left.waitMs - right.waitMs || left.turn - right.turn)[0];
  }

  #enter({ queue, turn, first }: Next): void {
    drop(queue, first);
    const isEntered = first.enter();
    if (isEntered) {
      this.#passed = Math.max(this.#passed, turn);
      queue.turn = queue.waiting.length === 0 ? undefined : turn + turnCosts[first.lane];
    }
    first.end(isEntered ? "entered" : "notNow");
  }

  #setAlarm(atMs: number): void {
    this.#alarmAtMs = atMs;
    this.#clock.sleep(atMs - this.#clock.elapsedMs(), this.#lifetime).then(
      () => {
        // An alarm that an earlier one has replaced serves the line once more, which changes nothing.
        if (this.#alarmAtMs === atMs) this.#alarmAtMs = Infinity;
        this.#serve();
      },
      (reason: unknown) => {
        this.#alarmAtMs = Infinity;
        for (const { waiting } of this.#queues.values()) for (const { fail } of waiting) fail(reason);
      },
    );
  }
}

function drop({ waiting }: LaneQueue, call: Waiting): void {
  const index = waiting.indexOf(call);
  if (index >= 0) waiting.splice(index, 1);
}
