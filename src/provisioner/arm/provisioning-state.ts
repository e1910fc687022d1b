import { pollDelayMs } from "../../core/azure/pace/poll-delay.ts";
import { type Result, fail, ok } from "../../core/failure/result.ts";
import type { ArmError, ArmOperationEnd } from "./arm-api.ts";
import { ownError } from "./arm-error.ts";
import type { ArmSession } from "./arm-session.ts";
import { classOf } from "./error-table.ts";

/** Whether no operation is under way on a resource whose `provisioningState` this is. */
export function isTerminal(provisioningState: string): boolean {
  return ["Succeeded", "Failed", "Canceled"].includes(provisioningState);
}

/**
 * How an operation that was accepted ended, by the `provisioningState` of its resource; undefined: it has
 * not ended.
 */
export function endShownBy(
  provisioningState: string,
  resource: string,
): Result<ArmOperationEnd | undefined, ArmError> {
  if (!isTerminal(provisioningState)) return ok(undefined);
  if (provisioningState === "Succeeded") return ok({});
  const message = `the operation on ${resource} ended, and its provisioningState is ${provisioningState}`;
  return fail({ ...ownError("OperationFailed", message), statusCode: 200 });
}

/**
 * Tries of a disk or snapshot call whose answers are lost or that meets another operation, before the
 * caller has to retry.
 */
export const TRIES_MAX = 4;

/**
 * Reads a resource, by `read`, once the operation that may be under way on it has ended; at the latest
 * after `operationMaxMs`.
 */
export async function untilSettled<T extends { readonly provisioningState: string }>(
  session: ArmSession,
  read: () => Promise<Result<T, ArmError>>,
  signal: AbortSignal,
): Promise<Result<T, ArmError>> {
  const startedMs = session.clock.elapsedMs();
  for (let attempt = 1; ; attempt++) {
    const present = await read();
    const elapsedMs = session.clock.elapsedMs() - startedMs;
    const { diskPollPace, operationMaxMs } = session.settings;
    if (present.ok && (isTerminal(present.value.provisioningState) || elapsedMs > operationMaxMs))
      return present;
    if (present.ok) {
      await session.clock.sleep(pollDelayMs(diskPollPace, { elapsedMs, retryAfterMs: undefined }), signal);
    } else {
      if (classOf(present.failure) !== "lost" || attempt > TRIES_MAX) return present;
      await session.backOff(attempt, signal);
    }
  }
}
