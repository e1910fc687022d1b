import { type Result, fail, ok } from "../../core/failure/result.ts";
import type { ArmError, ArmOperationEnd } from "./arm-api.ts";
import { ownError } from "./arm-error.ts";

/** Whether no operation is under way on a resource whose `provisioningState` this is. */
export function isTerminal(provisioningState: string): boolean {
  return ["Succeeded", "Failed", "Canceled"].includes(provisioningState);
}

/**
 * How an operation that was accepted ended, by the `provisioningState` of its resource; undefined: it has
 * not ended.
 */
export function endShownBy(
  provisioningState: string,
  resource: string,
): Result<ArmOperationEnd | undefined, ArmError> {
  if (!isTerminal(provisioningState)) return ok(undefined);
  if (provisioningState === "Succeeded") return ok({});
  const message = `the operation on ${resource} ended, and its provisioningState is ${provisioningState}`;
  return fail({ ...ownError("OperationFailed", message), statusCode: 200 });
}
