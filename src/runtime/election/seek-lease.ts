import type { Lease } from "../../core/api/lease.ts";
import { acquiredLease } from "../../core/election/lease-steps.ts";
import {
  type CandidateAction,
  holdOf,
  isRenewal,
  lookPeriodMs,
  planCandidacy,
} from "../../core/election/plan-candidacy.ts";
import { unreachable } from "../../core/failure/invariant.ts";
import { ok, type Result } from "../../core/failure/result.ts";
import { rollbackMark, withAnnotations } from "../../core/rollback/rebuild-mark.ts";
import { type Candidate, type LeaseAccess, orUnanswered, withLeaseTimeout } from "./lease-access.ts";
import { releaseLease } from "./release-lease.ts";

export interface AcquiredLease {
  readonly lease: Lease;
  readonly because: string;
  /** When the write that acquired it began, on the clock's `elapsedMs`. */
  readonly startedAtMs: number;
}

/** The last seen holding of the Lease, and since when, on the clock's `elapsedMs`. */
interface SeenHold {
  /** As answered by `holdOf`; undefined: not read yet. */
  readonly hold: string | undefined;
  readonly sinceMs: number;
}

/**
 * Waits until this process holds the Lease. It may acquire one that it has seen unchanged for its
 * duration, and each write is conditional on the version that was read, so that of several candidates one
 * wins. Rejects with the signal's reason.
 */
export async function seekLease(candidate: Candidate, signal: AbortSignal): Promise<AcquiredLease> {
  const { access, clock, random, logger, leaseHighWaterMark, identity, isAlone, settings } = candidate;
  let seen: SeenHold = { hold: undefined, sinceMs: clock.elapsedMs() };
  let wasReadable = true;
  for (;;) {
    signal.throwIfAborted();
    const remembered = leaseHighWaterMark.seen;
    const looked = await withLeaseTimeout(candidate, (limited) => look(access, limited), signal);
    signal.throwIfAborted();
    const periodMs = lookPeriodMs(settings, random.next());
    if (!looked.ok) {
      if (wasReadable)
        logger.warn("the controllers' Lease can't be read", {
          failure: orUnanswered(candidate, looked.failure),
        });
      wasReadable = false;
      await clock.sleep(periodMs, signal);
      continue;
    }
    wasReadable = true;
    const { lease, incarnation } = looked.value;
    if (holdOf(lease) !== seen.hold) seen = { hold: holdOf(lease), sinceMs: clock.elapsedMs() };
    const unchangedMs = clock.elapsedMs() - seen.sinceMs;
    const action = planCandidacy({
      identity,
      lease,
      unchangedMs,
      remembered,
      hasRecords: incarnation !== undefined,
      isAlone,
      settings,
    });
    const startedAtMs = clock.elapsedMs();
    const done = await withLeaseTimeout(
      candidate,
      (limited) => act(access, action, looked.value, limited),
      signal,
    );
    if (done?.ok === true && (action.kind === "Create" || action.kind === "Acquire"))
      return {
        lease: done.value,
        startedAtMs,
        because: action.kind === "Acquire" ? action.because : "there was none",
      };
    // Aborted in the middle of the write, which may have been carried out.
    if (signal.aborted && action.kind !== "Wait") await releaseLease(candidate);
    const isUnclear =
      done?.ok === false &&
      done.failure.kind !== "ObjectConflict" &&
      done.failure.kind !== "ObjectAlreadyExists";
    if (isUnclear && !signal.aborted)
      logger.warn("the controllers' Lease was not written", {
        failure: orUnanswered(candidate, done.failure),
      });
    // The next read shows the faster candidate.
    const waitMs = action.kind === "Wait" ? Math.min(action.ms, periodMs) : isUnclear ? periodMs : 0;
    seen = await untilToBeLookedAt(candidate, { lease, seen, waitMs }, signal);
  }
}

/**
 * Waits until the watch shows anything but renewals, or nothing for `waitMs`. A renewal needs no read: it
 * can only postpone the next acquisition, which always reads first. Answers the last seen holding of the
 * Lease.
 */
async function untilToBeLookedAt(
  { access, clock, leaseHighWaterMark }: Candidate,
  looked: { readonly lease: Lease | undefined; readonly seen: SeenHold; readonly waitMs: number },
  signal: AbortSignal,
): Promise<SeenHold> {
  let { seen } = looked;
  for (;;) {
    const { hold } = seen;
    const shown = await access.untilNews((current) => holdOf(current) !== hold, looked.waitMs, signal);
    if (
      shown === undefined ||
      !isRenewal(shown, { lease: looked.lease, remembered: leaseHighWaterMark.seen })
    )
      return seen;
    leaseHighWaterMark.saw(shown);
    seen = { hold: holdOf(shown), sinceMs: clock.elapsedMs() };
  }
}

interface Looked {
  readonly lease: Lease | undefined;
  /** Only read where there is no Lease. */
  readonly incarnation: number | undefined;
}

async function look(access: LeaseAccess, signal: AbortSignal): Promise<Result<Looked>> {
  const lease = await access.read(signal);
  if (!lease.ok) return lease;
  if (lease.value !== undefined) return ok({ lease: lease.value, incarnation: undefined });
  const incarnation = await access.incarnationOfRecords(signal);
  return incarnation.ok ? ok({ lease: undefined, incarnation: incarnation.value }) : incarnation;
}

async function act(
  access: LeaseAccess,
  action: CandidateAction,
  looked: Looked,
  signal: AbortSignal,
): Promise<Result<Lease> | undefined> {
  switch (action.kind) {
    case "Create":
      return access.create(looked.incarnation, signal);
    case "Acquire":
      return looked.lease === undefined
        ? undefined
        : access.update(acquiredLease(looked.lease, access.writer()), signal);
    case "Mark":
      return looked.lease === undefined
        ? undefined
        : access.update(
            withAnnotations(looked.lease, rollbackMark(looked.lease, access.writer().remembered)),
            signal,
          );
    case "Wait":
      return undefined;
    default:
      return unreachable(action);
  }
}
