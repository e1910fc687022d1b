import type { Failure } from "../../core/failure/failure.ts";
import { fail } from "../../core/failure/result.ts";
import type { ArmAnswer, ArmError } from "./arm-api.ts";

/** Codes that adapters and this library make up where ARM gave none. */
export const ownErrorCodes = {
  /** No answer came: a connection that broke, a request that took too long. */
  noAnswer: "NoAnswer",
  /** An answer came that can't be Azure's, such as a proxy's page of status 200. */
  malformed: "MalformedAnswer",
  /** The caller gave up. */
  cancelled: "Cancelled",
  /** A long-running operation took longer than its time limit. */
  stillRunning: "OperationStillRunning",
  /** Our own budget predicts that Azure would refuse the call. */
  budgetExhausted: "CallBudgetExhausted",
  /** The caller's `precondition` said no, so that nothing was sent. */
  refused: "RefusedByCaller",
} as const;

/** Assumed where a 429 names no time. */
export const RETRY_AFTER_DEFAULT_MS = 10_000;

/** An error without an answer of ARM; worth a retry unless its code says otherwise. */
export function ownError(code: string, message: string, requestId = ""): ArmError {
  return {
    statusCode: 0,
    code,
    message,
    target: "",
    details: [],
    internalErrorCode: "",
    retryAfterMs: undefined,
    requestId,
  };
}

/** Replaces the answer of a request that the caller's `precondition` has not allowed. */
export function notSent(refusal: Failure): ArmAnswer<never> {
  const error = ownError(ownErrorCodes.refused, "what it changes is another one since this was decided");
  return { result: fail({ ...error, refusal }), remaining: [] };
}
