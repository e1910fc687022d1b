import { createGate, gatedClock, gatedStore } from "../../sim/driver/gate.ts";
import { createRatedClock } from "../../sim/driver/rated-clock.ts";
import type { SimulatedHandle, SimulatedStore } from "../../src/adapters/simulated-store/simulated-store.ts";
import { createSeededRandom } from "../../src/adapters/virtual/seeded-random.ts";
import { settledOn } from "../../src/adapters/virtual/testing/settled-on.ts";
import type { VirtualClock } from "../../src/adapters/virtual/virtual-clock.ts";
import type { ElectionSettings } from "../../src/core/election/plan-candidacy.ts";
import { createObjectCache } from "../../src/objects/cache/object-cache.ts";
import type { Events } from "../../src/ports/cluster/events.ts";
import type { Logger } from "../../src/ports/logger.ts";
import type { ObjectStore } from "../../src/ports/store/object-store.ts";
import { silentLogger } from "../../src/ports/testing/silent-logger.ts";
import { createElection, type Election } from "../../src/runtime/election/election.ts";
import { LeaseHighWaterMark } from "../../src/runtime/election/lease-high-water-mark.ts";

/** One controller process that stands for election; its work waits for the request to stop. */
export interface Candidate {
  readonly name: string;
  /** Its own connection to the store. */
  readonly store: SimulatedHandle;
  readonly election: Election;
  /** Whether its work runs, without a request to stop. */
  isWorking(): boolean;
  /** How many terms it has begun. */
  readonly terms: number;
  /** How often it has read the Lease. */
  readonly looks: number;
  /** SIGSTOP: it receives nothing, while time passes. */
  pause(): void;
  /** SIGCONT. */
  resume(): void;
  isPaused(): boolean;
  /** kill -9: it does nothing any more, and releases nothing. */
  kill(): void;
  /** SIGTERM; resolves when it has ended. */
  stop(): Promise<void>;
  /** Its reports. */
  readonly events: readonly string[];
  /** Its log, above debug: level, message and fields. */
  readonly logged: readonly string[];
  /** Reported before its work begins, and before the work's stop is requested. */
  onWork: (isWorking: boolean) => void;
}

/** The parts of a candidate. */
export interface CandidateOptions {
  readonly name: string;
  readonly simulated: SimulatedStore;
  readonly clock: VirtualClock;
  readonly settings: ElectionSettings;
  readonly seed?: number;
  readonly isAlone?: boolean;
  /** The speed of its clock. Default 1. */
  readonly clockRate?: number;
  /** How long its work takes to end after the request to stop, in milliseconds. Default 0. */
  readonly stopMs?: number;
}

/** Starts a candidate. */
export function startCandidate(options: CandidateOptions): Candidate {
  const { name, simulated, settings, seed = 1, stopMs = 0 } = options;
  const gate = createGate();
  const clock = gatedClock(createRatedClock(options.clock, options.clockRate), gate);
  const random = createSeededRandom(seed);
  const handle = simulated.handle(name);
  let looks = 0;
  const gated = gatedStore(handle, gate);
  const store: ObjectStore = {
    ...gated,
    get: (...asked) => {
      looks++;
      return gated.get(...asked);
    },
  };
  const cache = createObjectCache({ store, clock, random, logger: silentLogger, kinds: ["Lease"] });
  const told: string[] = [];
  const logged: string[] = [];
  const noting =
    (level: string): Logger["info"] =>
    (message, fields) =>
      void logged.push(`${level} ${message} ${JSON.stringify(fields)}`);
  const logger: Logger = {
    debug: () => undefined,
    info: noting("info"),
    warn: noting("warn"),
    error: noting("error"),
    child: () => logger,
  };
  const events: Events = {
    emit: ({ about, reason, message }) => void told.push(`${about.kind} ${reason}: ${message}`),
  };
  const election = createElection(
    {
      store,
      cache,
      clock,
      random,
      events,
      logger,
      leaseHighWaterMark: new LeaseHighWaterMark(),
      heartbeatDelayMs: () => 0,
    },
    { identity: name, settings, isAlone: options.isAlone ?? false, onChange: () => undefined },
  );
  const life = new AbortController();
  let isWorking = false;
  let terms = 0;
  const setWorking = (is: boolean): void => {
    candidate.onWork(is);
    isWorking = is;
  };

  async function work(signal: AbortSignal): Promise<void> {
    setWorking(true);
    terms += 1;
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener("abort", () => resolve(), { once: true });
    });
    setWorking(false);
    if (stopMs > 0) await clock.sleep(stopMs, new AbortController().signal);
  }

  const running = Promise.allSettled([cache.run(life.signal), election.run(work, life.signal)]);
  const candidate: Candidate = {
    name,
    store: handle,
    election,
    isWorking: () => isWorking,
    get terms() {
      return terms;
    },
    get looks() {
      return looks;
    },
    pause: () => gate.shut(),
    resume: () => gate.open(),
    isPaused: () => gate.isShut(),
    kill: () => {
      gate.shut();
      isWorking = false;
    },
    stop: async () => {
      life.abort(new Error("SIGTERM"));
      const [, ended] = await settledOn(options.clock, running);
      if (ended.status === "rejected") throw ended.reason;
    },
    events: told,
    logged,
    onWork: () => undefined,
  };
  return candidate;
}
