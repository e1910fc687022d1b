import { releasedLease } from "../../core/election/lease-steps.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { ok, type Result } from "../../core/failure/result.ts";
import { within } from "../with-timeout.ts";
import type { Candidate } from "./lease-access.ts";

/**
 * How long an ending process tries to let go of the Lease, in milliseconds: its successor waits for the
 * lease time otherwise.
 */
const RELEASE_MAX_MS = 2_000;

/**
 * Lets go of the Lease, if this process holds it, so that the next one need not wait for its end. Only once
 * nothing is done on the strength of it any more.
 */
export async function releaseLease(candidate: Candidate): Promise<void> {
  const { access, clock, logger, identity } = candidate;
  const release = async (signal: AbortSignal): Promise<Result<boolean, Failure>> => {
    const lease = await access.read(signal);
    if (!lease.ok) return lease;
    if (lease.value?.spec.holderIdentity !== identity) return ok(false);
    const released = await access.update(releasedLease(lease.value, access.writer()), signal);
    return released.ok ? ok(true) : released;
  };
  // The process is ending, and so has every other signal there is.
  const released = await within(clock, RELEASE_MAX_MS, release, new AbortController().signal);
  if (!released.ok)
    logger.warn("the controllers' Lease was not released: the next leader waits for its end", {
      failure: released.failure,
    });
  else if (released.value) logger.info("the controllers' Lease was released");
}
