import { pollDelayMs } from "../../core/azure/pace/poll-delay.ts";
import type { Result } from "../../core/failure/result.ts";
import type { ArmError } from "./arm-api.ts";
import type { ArmSession } from "./arm-session.ts";
import { classOf } from "./error-table.ts";
import { isTerminal } from "./provisioning-state.ts";

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
