import type { Failure } from "../../core/failure/failure.ts";
import type { Result } from "../../core/failure/result.ts";
import type { Clock } from "../../ports/clock.ts";
import type { ArmError } from "./arm-api.ts";
import { type ErrorContext, saysGone, toFailure } from "./error-table.ts";

/** How old a look at a resource may be when a request that it decided is sent, in milliseconds. */
const LOOK_MAX_AGE_MS = 5_000;

/**
 * Asked by the age of the last look before each request, in milliseconds: whether that look is enough. A
 * request that is repeated may have been carried out, and another resource may have its name by now.
 */
export function onlyAtOnce(): (ageMs: number) => boolean {
  let isFirst = true;
  return (ageMs) => {
    const isFresh = isFirst && ageMs <= LOOK_MAX_AGE_MS;
    isFirst = false;
    return isFresh;
  };
}

/**
 * Why a request by name that a look has decided just now must not be sent; undefined: it may. Looks again
 * where that look is not `isFresh`, and asks `objection` of what is there. A request for a resource that is
 * gone changes nothing, and may be sent. A look that fails is a reason.
 */
export function lookAgain<T>({
  clock,
  look,
  isFresh,
  objection,
  context = {},
}: {
  readonly clock: Clock;
  readonly look: (signal: AbortSignal) => Promise<Result<T, ArmError>>;
  readonly isFresh: (ageMs: number) => boolean;
  readonly objection: (present: T) => Failure | undefined;
  readonly context?: ErrorContext;
}): (signal: AbortSignal) => Promise<Failure | undefined> {
  let readAtMs = clock.elapsedMs();
  return async (signal) => {
    if (isFresh(clock.elapsedMs() - readAtMs)) return undefined;
    const again = await look(signal);
    readAtMs = clock.elapsedMs();
    if (again.ok) return objection(again.value);
    return saysGone(again.failure) ? undefined : toFailure(again.failure, context);
  };
}
