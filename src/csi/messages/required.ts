import type { FailureOf } from "../../core/failure/failure.ts";
import { invalidArgument } from "../../core/failure/frequent-failures.ts";

/**
 * The first field of a request that CSI requires and the caller left empty, as a failure; undefined if all
 * are there.
 */
export function missingField(
  fields: Readonly<Record<string, string>>,
): FailureOf<"InvalidArgument"> | undefined {
  const missing = Object.entries(fields).find(([, value]) => value === "");
  return missing === undefined ? undefined : invalidArgument(missing[0], "", "must be given");
}
