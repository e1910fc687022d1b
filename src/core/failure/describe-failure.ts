import { failureTable } from "./failure-table.ts";
import type { Failure } from "./failure.ts";

/** A failure as a sentence or two: its subject, the value at fault, what to do. Never a secret. */
export function describeFailure(failure: Failure): string {
  // A kind's row takes failures of that kind; the compiler does not relate the two.
  const describe = failureTable[failure.kind].sentence as (failure: Failure) => string;
  const sentence = describe(failure);
  if (!("azure" in failure) || failure.azure === undefined) return sentence;
  const { code, requestId } = failure.azure;
  return `${sentence} (Azure: ${code}${requestId === "" ? "" : `, request ${requestId}`})`;
}
