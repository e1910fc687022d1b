import { type Result, fail, ok } from "../../core/failure/result.ts";
import type { ArmAnswer, ArmError, ArmOperation, ArmOperationStatus } from "../../provisioner/arm/arm-api.ts";
import { ownError, ownErrorCodes } from "../../provisioner/arm/arm-error.ts";
import { readArmError } from "./read-arm-error.ts";
import { readRemainingCalls, readRemainingGatewayCalls, readRetryAfterMs } from "./read-headers.ts";
import { readOperationStatus } from "./read-resources.ts";
import { MalformedAnswer, object, text, unlessMalformed } from "./wire-values.ts";

/** An answer of ARM as it came over the wire, its body parsed. */
export interface WireAnswer {
  readonly statusCode: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
  /** When it came, in milliseconds since the Unix epoch, for a `Retry-After` that is a date. */
  readonly atMs: number;
}

/** The answer to a call, or why there is none. */
export type SentAnswer = WireAnswer | { readonly lost: ArmError };

/** Reads an answer; a lost one is its error. */
export function readSent<T>(answer: SentAnswer, read: (wire: WireAnswer) => ArmAnswer<T>): ArmAnswer<T> {
  return "lost" in answer ? { result: fail(answer.lost), remaining: [] } : read(answer);
}

/** Reads an answer to a call that answers a value: 200 or 201, anything else is an error. */
export function valueFrom<T>(answer: WireAnswer, read: (body: unknown) => T): ArmAnswer<T> {
  return withRemaining(
    answer,
    answer.statusCode === 200 || answer.statusCode === 201 ? readBody(answer, read) : fail(errorFrom(answer)),
  );
}

/** What `read` makes of a body. One that is malformed is no answer. */
function readBody<T>(answer: WireAnswer, read: (body: unknown) => T): Result<T, ArmError> {
  try {
    return ok(read(answer.body));
  } catch (error) {
    if (!(error instanceof MalformedAnswer)) throw error;
    return fail(malformed(answer, error.message));
  }
}

function malformed(answer: WireAnswer, problem: string): ArmError {
  const message = `an answer of status ${answer.statusCode} is not one of Azure's: ${problem}`;
  return ownError(ownErrorCodes.malformed, message, requestIdOf(answer));
}

/**
 * Reads the first answer to a long-running operation. 204 means that there was nothing to do. A PATCH of a VM
 * that changes nothing or only its tags is answered with a VM that is `Updating`, and no address.
 */
export function startedFrom(answer: WireAnswer, kind: ArmOperation["kind"]): ArmAnswer<ArmOperation> {
  if (![200, 201, 202, 204].includes(answer.statusCode))
    return withRemaining(answer, fail(errorFrom(answer)));
  // The order in which Azure's own clients look.
  const {
    "operation-location": operationLocation,
    "azure-asyncoperation": asyncOperation,
    location,
  } = answer.headers;
  const pollUrl = asyncOperation ?? operationLocation ?? (answer.statusCode === 202 ? location : undefined);
  // A proxy's page starts nothing, and the end of an operation is not known that is shown nowhere.
  const problem =
    typeof answer.body === "string"
      ? "its body is no JSON"
      : answer.statusCode === 202 && pollUrl === undefined
        ? "it names no address of the operation"
        : undefined;
  if (problem !== undefined) return withRemaining(answer, fail(malformed(answer, problem)));
  const isUntold = pollUrl === undefined && !showsEnd(answer.body);
  const retryAfterMs = retryAfterOf(answer);
  return withRemaining(answer, ok({ pollUrl, ...(isUntold ? { isUntold } : {}), kind, retryAfterMs }));
}

/**
 * Reads the answer to a poll: the status document of `Azure-AsyncOperation`, or the bare codes of
 * `Location`. Unlike the SDK's poller this keeps code and message of an operation that failed or was
 * cancelled: `OperationPreempted` arrives as a status of 200 and "Canceled".
 */
export function statusFrom(answer: WireAnswer, operation: ArmOperation): ArmAnswer<ArmOperationStatus> {
  const running = {
    ...operation,
    pollUrl: answer.headers["location"] ?? operation.pollUrl,
    retryAfterMs: retryAfterOf(answer),
  };
  if (answer.statusCode === 202) return withRemaining(answer, ok({ state: "running", operation: running }));
  if (answer.statusCode !== 200 && answer.statusCode !== 201 && answer.statusCode !== 204)
    return withRemaining(answer, fail(errorFrom(answer)));
  const read = readBody(answer, readOperationStatus);
  if (!read.ok) return withRemaining(answer, read);
  const { status, error, end } = read.value;
  const state = status.toLowerCase();
  if (state === "" || state === "succeeded") return withRemaining(answer, ok({ state: "succeeded", ...end }));
  if (state === "canceled" || state === "cancelled")
    return withRemaining(
      answer,
      ok({ state: "canceled", error: operationError(answer, error, "OperationCanceled") }),
    );
  if (state.includes("fail"))
    return withRemaining(
      answer,
      ok({ state: "failed", error: operationError(answer, error, "OperationFailed") }),
    );
  // A status document names no next address: the same one is asked again.
  return withRemaining(
    answer,
    ok({ state: "running", operation: { ...running, pollUrl: operation.pollUrl } }),
  );
}

/** Whether a first answer shows no resource at all, or one in the state Succeeded. */
function showsEnd(body: unknown): boolean {
  const state = unlessMalformed(() => text(object(object(body)["properties"])["provisioningState"]));
  return state === "" || state?.toLowerCase() === "succeeded";
}

function errorFrom(answer: WireAnswer): ArmError {
  return readArmError(answer.body, {
    statusCode: answer.statusCode,
    retryAfterMs: retryAfterOf(answer),
    requestId: requestIdOf(answer),
  });
}

function operationError(answer: WireAnswer, error: unknown, codeOtherwise: string): ArmError {
  const read = readArmError(error, {
    statusCode: answer.statusCode,
    retryAfterMs: undefined,
    requestId: requestIdOf(answer),
  });
  return error === undefined || error === null
    ? { ...read, code: codeOtherwise, message: "Azure gave no reason" }
    : read;
}

function retryAfterOf(answer: WireAnswer): number | undefined {
  return readRetryAfterMs(answer.headers["retry-after"], answer.atMs);
}

function requestIdOf(answer: WireAnswer): string {
  return answer.headers["x-ms-request-id"] ?? "";
}

function withRemaining<T>(answer: WireAnswer, result: Result<T, ArmError>): ArmAnswer<T> {
  return {
    result,
    remaining: [
      ...readRemainingCalls(answer.headers["x-ms-ratelimit-remaining-resource"]),
      ...readRemainingGatewayCalls(answer.headers),
    ],
  };
}
