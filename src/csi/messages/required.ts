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

/** Why the name of a new volume or snapshot can't be used; undefined if it can. */
export function nameObstacle(name: string, maxChars: number): FailureOf<"InvalidArgument"> | undefined {
  if (name.length <= maxChars) return missingField({ name });
  const problem = `has ${name.length} characters, at most ${maxChars} are possible`;
  return invalidArgument("name", `${name.slice(0, 40)}…`, problem);
}
