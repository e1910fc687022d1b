import type { Failure } from "../../core/failure/failure.ts";
import type { Result } from "../../core/failure/result.ts";
import { waitingTimeMs } from "../messages/waiting-time.ts";
import type { CallContext } from "../server/unary-handler.ts";
import type { ControllerContext } from "./controller-context.ts";

/** The store incarnation, once the store is trusted: waits for that as long as the caller does. */
export function trustedIncarnation(
  context: Pick<ControllerContext, "clock" | "gracePeriod" | "limits">,
  call: CallContext,
): Promise<Result<number, Failure>> {
  const waitMs = waitingTimeMs(context, call, context.limits.waitMaxMs);
  return context.gracePeriod.trustedIncarnation(waitMs, call.signal);
}
