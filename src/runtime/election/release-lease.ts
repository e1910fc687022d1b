import { releasedLease } from "../../core/election/lease-steps.ts";
import { ok, type Result } from "../../core/failure/result.ts";
import { withTimeout } from "../with-timeout.ts";
import type { Candidate } from "./lease-access.ts";

/** How long an ending process tries to release the Lease, in milliseconds: its successor waits for it. */
const RELEASE_MAX_MS = 2_000;

/**
 * Releases the Lease if this process holds it, so that the next leader need not wait for its end. Only
 * after this process has stopped acting as the leader.
 */
export async function releaseLease(candidate: Candidate): Promise<void> {
  const { access, clock, logger, identity } = candidate;
  const release = async (signal: AbortSignal): Promise<Result<boolean>> => {
    const lease = await access.read(signal);
    if (!lease.ok) return lease;
    if (lease.value?.spec.holderIdentity !== identity) return ok(false);
    const released = await access.update(releasedLease(lease.value, access.writer()), signal);
    return released.ok ? ok(true) : released;
  };
  // The process is ending, and every other signal is aborted already.
  const released = await withTimeout(clock, RELEASE_MAX_MS, release);
  if (!released.ok)
    logger.warn("the controllers' Lease was not released: the next leader waits for its end", {
      failure: released.failure,
    });
  else if (released.value) logger.info("the controllers' Lease was released");
}
