import type { Lease } from "../../core/api/lease.ts";
import { renewedLease } from "../../core/election/lease-steps.ts";
import { ELECTION_JITTER_SHARE } from "../../core/election/plan-candidacy.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { type Candidate, type LeaseAccess, orUnanswered, withLeaseTimeout } from "./lease-access.ts";

/** A held Lease, and until when. */
export interface HeldLease {
  /** When the last successful renewal began, on the clock's `elapsedMs`: no process has seen it earlier. */
  renewedAtMs: number;
}

/** For how long the Lease is still held without another renewal, in milliseconds; 0 or less: no longer. */
export function leftMs({ clock, settings }: Pick<Candidate, "clock" | "settings">, held: HeldLease): number {
  return held.renewedAtMs + settings.renewDeadlineMs - clock.elapsedMs();
}

/** Why a term has ended whose Lease could not be renewed in time. */
export function overdue({ renewDeadlineMs }: Candidate["settings"]): string {
  return `the Lease was not renewed for ${renewDeadlineMs} ms`;
}

type Renewal =
  | { readonly kind: "renewed" }
  | { readonly kind: "lost"; readonly because: string }
  | { readonly kind: "failed"; readonly failure: Failure };

/**
 * Renews the Lease until it is lost or `signal` is aborted. `onLost` gets the reason at once, even while
 * a renewal hangs: from then on this process must not act as the leader.
 */
export async function holdLease(
  candidate: Candidate,
  held: HeldLease,
  onLost: (because: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const ended = new AbortController();
  const both = AbortSignal.any([signal, ended.signal]);
  const races = [keepRenewing(candidate, held, both), untilOverdue(candidate, held, both)];
  try {
    const because = await Promise.race(races);
    if (because !== undefined) onLost(because);
  } finally {
    ended.abort();
    await Promise.all(races);
  }
}

async function keepRenewing(
  candidate: Candidate,
  held: HeldLease,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { access, clock, random, logger, identity, settings } = candidate;
  const isOthers = (lease: Lease | undefined): boolean => lease?.spec.holderIdentity !== identity;
  let last: Renewal = { kind: "renewed" };
  while (!signal.aborted) {
    // Another process has written it, too: a candidate that reports a rollback.
    const isOutrun: boolean = last.kind === "failed" && last.failure.kind === "ObjectConflict";
    const waitMs = isOutrun ? 0 : settings.retryPeriodMs * (1 + ELECTION_JITTER_SHARE * random.next());
    try {
      await access.untilNews(isOthers, waitMs, signal);
    } catch (error) {
      if (signal.aborted) return undefined;
      throw error;
    }
    const startedAtMs = clock.elapsedMs();
    const renewal = await withLeaseTimeout(candidate, (limited) => renew(candidate, limited), signal);
    if (renewal.kind === "lost") return renewal.because;
    if (renewal.kind === "renewed") held.renewedAtMs = startedAtMs;
    else if (last.kind === "renewed" && !signal.aborted)
      logger.warn("the controllers' Lease was not renewed", {
        failure: orUnanswered(candidate, renewal.failure),
      });
    last = renewal;
  }
  return undefined;
}

async function renew({ access, identity }: Candidate, signal: AbortSignal): Promise<Renewal> {
  const lease = await access.read(signal);
  if (!lease.ok) return { kind: "failed", failure: lease.failure };
  if (lease.value === undefined) return createLease(access, signal);
  const { holderIdentity } = lease.value.spec;
  if (holderIdentity !== identity)
    return {
      kind: "lost",
      because: `${holderIdentity === "" ? "no process" : holderIdentity} holds the Lease`,
    };
  const renewed = await access.update(renewedLease(lease.value, access.writer()), signal);
  return renewed.ok ? { kind: "renewed" } : { kind: "failed", failure: renewed.failure };
}

/** The Lease was deleted by hand. Other candidates leave its holder the time to recreate it. */
async function createLease(access: LeaseAccess, signal: AbortSignal): Promise<Renewal> {
  const incarnation = await access.incarnationOfRecords(signal);
  if (!incarnation.ok) return { kind: "failed", failure: incarnation.failure };
  const created = await access.create(incarnation.value, signal);
  return created.ok ? { kind: "renewed" } : { kind: "failed", failure: created.failure };
}

/** Resolves once the last renewal is too long ago, whatever is pending; undefined: aborted first. */
async function untilOverdue(
  candidate: Candidate,
  held: HeldLease,
  signal: AbortSignal,
): Promise<string | undefined> {
  while (!signal.aborted) {
    const waitMs = leftMs(candidate, held);
    if (waitMs <= 0) return overdue(candidate.settings);
    try {
      await candidate.clock.sleep(waitMs, signal);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
  return undefined;
}
