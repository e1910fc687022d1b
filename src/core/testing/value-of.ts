import { describeFailure } from "../failure/describe-failure.ts";
import type { Result } from "../failure/result.ts";

/** The value of a result that a test expects to succeed. */
export function valueOf<T>(result: Result<T>): T {
  if (!result.ok) throw new Error(describeFailure(result.failure));
  return result.value;
}
