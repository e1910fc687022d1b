import { COUNTER_ANNOTATION, type Lease } from "../api/lease.ts";
import { type HighWaterMark, highWaterMarkOf, isOlder } from "../rollback/high-water-mark.ts";
import { rollbackMark } from "../rollback/rebuild-mark.ts";

/** How leadership is held, in milliseconds of each process' own clock. */
export interface ElectionSettings {
  /** A Lease not renewed for this time may be acquired. Default 15,000. */
  readonly leaseDurationMs: number;
  /**
   * A leader that could not renew for this time stops leading. Default 10,000: below `leaseDurationMs`,
   * so that it stops before another candidate leads.
   */
  readonly renewDeadlineMs: number;
  /**
   * Time between two renewals, up to a fifth longer by chance. A candidate that sees no renewal reads the
   * Lease a little later. Default 2,000.
   */
  readonly retryPeriodMs: number;
}

/** The defaults of client-go's leader election. */
export const defaultElectionSettings: ElectionSettings = {
  leaseDurationMs: 15_000,
  renewDeadlineMs: 10_000,
  retryPeriodMs: 2_000,
};

/** Periods vary by this share, so that candidates do not read all at once. */
export const ELECTION_JITTER_SHARE = 0.2;

/**
 * How long a candidate waits between two reads, in milliseconds: longer than a renewal period, so that a
 * watch event makes the read unnecessary. `chance` is in [0, 1).
 */
export function lookPeriodMs({ retryPeriodMs }: ElectionSettings, chance: number): number {
  return retryPeriodMs * (1 + ELECTION_JITTER_SHARE * (1 + chance));
}

/** The longest time that a Lease is respected, in milliseconds, whatever it says. */
export const LEASE_DURATION_MAX_MS = 600_000;

/** Why election settings are invalid; undefined if they are consistent. */
export function electionProblem({
  leaseDurationMs,
  renewDeadlineMs,
  retryPeriodMs,
}: ElectionSettings): string | undefined {
  if (renewDeadlineMs >= leaseDurationMs)
    return (
      `--lease-renew-deadline-ms: got ${renewDeadlineMs}; expected less than --lease-duration-ms ` +
      `(${leaseDurationMs}), or two would lead at once`
    );
  if (retryPeriodMs * (1 + ELECTION_JITTER_SHARE) >= renewDeadlineMs)
    return (
      `--lease-retry-period-ms: got ${retryPeriodMs}; expected ${1 + ELECTION_JITTER_SHARE} times as much ` +
      `below --lease-renew-deadline-ms (${renewDeadlineMs}), or a leader would give up between two renewals`
    );
  return undefined;
}

export interface ObservedLease {
  readonly identity: string;
  /** Undefined: there is none. */
  readonly lease: Lease | undefined;
  /** How long the candidate has seen it held so (or missing), on its own clock. */
  readonly unchangedMs: number;
  /** What it had seen of the Lease before this read. */
  readonly remembered: HighWaterMark;
  /** Whether there are writer records: then a controller has led here before. */
  readonly hasRecords: boolean;
  /** The store belongs to this process alone: an earlier holder of the Lease is dead. */
  readonly isAlone: boolean;
  readonly settings: ElectionSettings;
}

export type CandidateAction =
  | { readonly kind: "Create" }
  | { readonly kind: "Acquire"; readonly because: string }
  /** Marks the rollback for the leader. */
  | { readonly kind: "Mark" }
  | { readonly kind: "Wait"; readonly ms: number };

export function planCandidacy(observed: ObservedLease): CandidateAction {
  const { lease, remembered, settings, unchangedMs } = observed;
  if (lease === undefined) {
    // Its holder may be alive, and recreates it within one retry period: it was deleted by hand.
    const isNewStore = !observed.hasRecords && remembered.counter === 0;
    return isNewStore || observed.isAlone || unchangedMs >= settings.leaseDurationMs
      ? { kind: "Create" }
      : { kind: "Wait", ms: settings.leaseDurationMs - unchangedMs };
  }
  if (observed.isAlone) return { kind: "Acquire", because: "the store is this process' alone" };
  if (!isOlder(highWaterMarkOf(lease), remembered)) {
    if (lease.spec.holderIdentity === "") return { kind: "Acquire", because: "it was released" };
    // No other candidate has acquired it since this process wrote it.
    if (lease.spec.holderIdentity === observed.identity)
      return { kind: "Acquire", because: "no other process has held it since" };
  }
  const leftMs = holdMs(lease, settings) - unchangedMs;
  if (leftMs <= 0) return { kind: "Acquire", because: `${lease.spec.holderIdentity} has not renewed it` };
  return rollbackMark(lease, remembered) === undefined ? { kind: "Wait", ms: leftMs } : { kind: "Mark" };
}

/**
 * Whether a watched Lease shows only that the holder of the last read one keeps renewing it: nothing is
 * to be done, and a read would show nothing else.
 */
export function isRenewal(
  seen: Lease,
  { lease, remembered }: Pick<ObservedLease, "lease" | "remembered">,
): boolean {
  const { holderIdentity } = seen.spec;
  return (
    seen.metadata.uid === lease?.metadata.uid &&
    holderIdentity !== "" &&
    holderIdentity === lease.spec.holderIdentity &&
    !isOlder(highWaterMarkOf(seen), remembered)
  );
}

/**
 * The duration that its holder asked for, whose settings may differ from this process's. A released Lease
 * from a backup says nothing of the present leader.
 */
function holdMs({ spec }: Lease, settings: ElectionSettings): number {
  return spec.holderIdentity === ""
    ? settings.leaseDurationMs
    : Math.min(spec.leaseDurationSeconds * 1_000, LEASE_DURATION_MAX_MS);
}

/** The values that only the holder of a Lease moves: while they are unchanged, it was not renewed. */
export function holdOf(lease: Lease | undefined): string {
  return lease === undefined
    ? ""
    : JSON.stringify([
        lease.metadata.uid,
        lease.spec.holderIdentity,
        lease.metadata.annotations?.[COUNTER_ANNOTATION],
      ]);
}
