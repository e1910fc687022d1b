import type { AzVolume } from "../core/api/az-volume.ts";
import { describeFailure } from "../core/failure/describe-failure.ts";
import type { Failure } from "../core/failure/failure.ts";
import { toTimestamp } from "../core/primitives/timestamp.ts";

type ObjectError = NonNullable<NonNullable<AzVolume["status"]>["error"]>;

/** A failure as a status keeps it: text for people, and all of it for the response of the CSI service. */
export function toObjectError(
  failure: Failure,
  state: { readonly nowMs: number; readonly retries: number },
): ObjectError {
  return {
    kind: failure.kind,
    message: describeFailure(failure),
    failure: JSON.stringify(failure),
    time: toTimestamp(state.nowMs),
    retries: state.retries,
  };
}

/** The failure in a resource's status; undefined: none, or a later version wrote it. */
export function fromObjectError(error: ObjectError | undefined): Failure | undefined {
  if (error === undefined) return undefined;
  const parsed: unknown = JSON.parse(error.failure);
  return typeof parsed === "object" && parsed !== null && "kind" in parsed && parsed.kind === error.kind
    ? (parsed as Failure)
    : undefined;
}
