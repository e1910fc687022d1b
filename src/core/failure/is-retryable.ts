import { failureTable } from "./failure-table.ts";
import type { Failure } from "./failure.ts";

/**
 * Whether the same attempt may succeed later unchanged. `false`: a retry is pointless before the request,
 * a quota, a permission or another external state has changed.
 */
export function isRetryable(failure: Failure): boolean {
  return failureTable[failure.kind].retryable;
}

/** The same by the kind alone, as a status keeps it. Kinds of later versions are not permanent. */
export function isPermanentKind(kind: string): boolean {
  return Object.hasOwn(failureTable, kind) && !failureTable[kind as Failure["kind"]].retryable;
}
