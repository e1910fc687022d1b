import type { WriterRecord } from "../../core/api/az-volume.ts";
import { stillWaiting } from "../../core/failure/frequent-failures.ts";
import { ok, type Result } from "../../core/failure/result.ts";
import { waitingTimeMs } from "../messages/waiting-time.ts";
import type { CallContext } from "../server/unary-handler.ts";
import type { ControllerContext } from "./controller-context.ts";

/** The store incarnation, once the store is trusted: waits for that as long as the caller does. */
export function trustedIncarnation(context: ControllerContext, call: CallContext): Promise<Result<number>> {
  const waitMs = waitingTimeMs(context, call, context.limits.waitMaxMs);
  return context.gracePeriod.trustedIncarnation(waitMs, call.signal);
}

/** Fails with `StillWaiting` where a record is of another store incarnation than the trusted one. */
export function requireIncarnation(
  record: WriterRecord | undefined,
  storeIncarnation: number,
  volumeId: string,
): Result<undefined> {
  if (record === undefined || record.storeIncarnation === storeIncarnation) return ok(undefined);
  const what = `its record, which is of store incarnation ${record.storeIncarnation}, to be rebuilt`;
  return stillWaiting(volumeId, what);
}
