import { ok, type Result } from "../core/failure/result.ts";
import type { Reconciled } from "../runtime/queue/control-loop.ts";

/** Treats a missing object as success: nothing more is to be done for it. */
export function ignoreNotFound(result: Result<unknown>): Reconciled {
  return result.ok || result.failure.kind === "ObjectNotFound" ? ok({}) : result;
}
