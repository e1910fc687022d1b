import { describeFailure } from "../failure/describe-failure.ts";
import type { Result } from "../failure/result.ts";

/** The value of a result that a test expects to succeed. */
export function valueOf<T>(result: Result<T>): T {
  if (!result.ok) throw new Error(describeFailure(result.failure));
  return result.value;
}

/**
 * The value of a call that a test expects to succeed. One of the store has no delay without simulated faults:
 * no time needs to pass.
 */
export async function must<T>(promise: Promise<Result<T>>): Promise<T> {
  return valueOf(await promise);
}

/** How a call has ended: `ok`, or the kind of its failure. */
export function kindOf(result: Result<unknown, { readonly kind: string }>): string {
  return result.ok ? "ok" : result.failure.kind;
}
