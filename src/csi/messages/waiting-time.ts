import type { ControllerContext } from "../controller/controller-context.ts";
import type { CallContext } from "../server/unary-handler.ts";

/**
 * Kept back so that the answer reaches the caller before its deadline: then the caller learns what the
 * call waits for.
 */
const ANSWER_MARGIN_MS = 250;

/**
 * How long a call may wait for a reconciler from now on, in milliseconds: as long as its caller does,
 * and `maxMs` at most.
 */
export function waitingTimeMs(
  context: Pick<ControllerContext, "clock">,
  call: Pick<CallContext, "deadlineMs">,
  maxMs: number,
): number {
  return Math.max(0, Math.min(call.deadlineMs - context.clock.elapsedMs() - ANSWER_MARGIN_MS, maxMs));
}
