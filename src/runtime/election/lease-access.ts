import { CONTROLLER_LEASE, type Lease } from "../../core/api/lease.ts";
import { type LeaseWriter, newLease } from "../../core/election/lease-steps.ts";
import type { ElectionSettings } from "../../core/election/plan-candidacy.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { ok, type Result } from "../../core/failure/result.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Logger } from "../../ports/logger.ts";
import type { Random } from "../../ports/random.ts";
import type { ObjectStore } from "../../ports/store/object-store.ts";
import { withTimeout } from "../with-timeout.ts";
import type { LeaseHighWaterMark } from "./lease-high-water-mark.ts";

/** The least time between two reads of the Lease, in milliseconds, however often its watch reports it. */
const LOOK_AGAIN_MIN_MS = 100;

/** What is asked of a cache of Leases; `ObjectCache` fits. */
export interface LeaseCache {
  untilSynced(signal: AbortSignal): Promise<void>;
  waitFor(
    kind: "Lease",
    name: string,
    predicate: (lease: Lease | undefined) => boolean,
    limitMs: number,
    signal: AbortSignal,
  ): Promise<Lease | undefined>;
  remember(kind: "Lease", lease: Lease): void;
}

/** The dependencies for reading and writing the Lease. */
export interface LeasePorts {
  /** Renewals have a deadline: where calls queue for connections, this store has its own. */
  readonly store: ObjectStore;
  /** Also follows `Lease`. What it shows wakes a process or lets it wait longer, and decides nothing. */
  readonly cache: LeaseCache;
  readonly clock: Clock;
  readonly leaseHighWaterMark: LeaseHighWaterMark;
}

/** What a candidate decides by. */
export interface Candidate {
  readonly access: LeaseAccess;
  readonly leaseHighWaterMark: LeaseHighWaterMark;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly identity: string;
  readonly settings: ElectionSettings;
  readonly isAlone: boolean;
}

/** Runs a read or write of the Lease, which takes half of the time for a renewal at most. */
export function withLeaseTimeout<T>(
  { clock, settings }: Candidate,
  act: (signal: AbortSignal) => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  return withTimeout(clock, callMaxMs(settings), act, signal);
}

/** For the log: a call that `withLeaseTimeout` has ended fails as `Cancelled`, which names no cause. */
export function orUnanswered({ settings }: Pick<Candidate, "settings">, failure: Failure): Failure {
  return failure.kind === "Cancelled"
    ? { kind: "StoreUnavailable", detail: `no answer within ${callMaxMs(settings)} ms` }
    : failure;
}

function callMaxMs({ renewDeadlineMs }: ElectionSettings): number {
  return renewDeadlineMs / 2;
}

/** What a candidate writes of itself. */
type OwnWriter = Pick<Candidate, "identity" | "settings"> & { readonly heartbeatDelayMs: () => number };

/** One process's access to the controllers' Lease. It remembers everything that it reads and writes. */
export class LeaseAccess {
  readonly #ports: LeasePorts;
  readonly #own: OwnWriter;
  #lookedAtMs = -Infinity;

  constructor(ports: LeasePorts, own: OwnWriter) {
    this.#ports = ports;
    this.#own = own;
  }

  /** This process, as it writes the Lease now. */
  writer(): LeaseWriter {
    const { clock, leaseHighWaterMark } = this.#ports;
    const { identity, settings, heartbeatDelayMs } = this.#own;
    return {
      identity,
      leaseDurationMs: settings.leaseDurationMs,
      nowMs: clock.nowMs(),
      remembered: leaseHighWaterMark.seen,
      etagWrite: leaseHighWaterMark.etagWrite,
      heartbeatDelayMs: heartbeatDelayMs(),
    };
  }

  /**
   * An uncached read; undefined: there is no Lease. A caller that compares reads the high-water mark first.
   */
  async read(signal: AbortSignal): Promise<Result<Lease | undefined>> {
    const lease = await this.#ports.store.get("Lease", CONTROLLER_LEASE, signal);
    if (lease.ok) return ok(this.#saw(lease.value));
    return lease.failure.kind === "ObjectNotFound" ? ok(undefined) : lease;
  }

  async update(lease: Lease, signal: AbortSignal): Promise<Result<Lease>> {
    return this.#written(await this.#ports.store.update("Lease", lease, signal));
  }

  /** Creates the Lease. `incarnationOfRecords`: the result of the method of that name. */
  async create(incarnationOfRecords: number | undefined, signal: AbortSignal): Promise<Result<Lease>> {
    const { metadata, spec } = newLease(this.writer(), incarnationOfRecords);
    return this.#written(
      await this.#ports.store.create(
        "Lease",
        { metadata: { name: CONTROLLER_LEASE, ...metadata }, spec },
        signal,
      ),
    );
  }

  /** The highest store incarnation of a writer record, read uncached; undefined: there is no record. */
  async incarnationOfRecords(signal: AbortSignal): Promise<Result<number | undefined>> {
    const volumes = await this.#ports.store.list("AzVolume", {}, signal);
    if (!volumes.ok) return volumes;
    const incarnations = volumes.value.items.flatMap(
      (volume) => volume.status?.record?.storeIncarnation ?? [],
    );
    return ok(incarnations.toSorted((left, right) => left - right).at(-1));
  }

  /**
   * Waits until the cache shows a Lease of which `isNews` holds, at most `limitMs`, and at least the
   * minimum time since the last read. Answers that Lease; undefined after the limit, or when there is
   * none any more.
   */
  async untilNews(
    isNews: (lease: Lease | undefined) => boolean,
    limitMs: number,
    signal: AbortSignal,
  ): Promise<Lease | undefined> {
    const { cache, clock } = this.#ports;
    const shown = await cache.waitFor("Lease", CONTROLLER_LEASE, isNews, limitMs, signal);
    const tooSoonMs = this.#lookedAtMs + LOOK_AGAIN_MIN_MS - clock.elapsedMs();
    if (tooSoonMs > 0) await clock.sleep(tooSoonMs, signal);
    signal.throwIfAborted();
    this.#lookedAtMs = clock.elapsedMs();
    return shown;
  }

  #written(result: Result<Lease>): Result<Lease> {
    return result.ok ? ok(this.#saw(result.value)) : result;
  }

  #saw(lease: Lease): Lease {
    this.#ports.leaseHighWaterMark.saw(lease);
    this.#ports.cache.remember("Lease", lease);
    return lease;
  }
}
