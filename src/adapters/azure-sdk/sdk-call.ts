import type { ArmError } from "../../provisioner/arm/arm-api.ts";
import { ownError, ownErrorCodes } from "../../provisioner/arm/arm-error.ts";
import type { SentAnswer, WireAnswer } from "../arm-wire/wire-answer.ts";

/** A raw answer, as the SDK shows it to `onResponse`. */
interface RawAnswer {
  readonly status: number;
  readonly headers: { toJSON(): Record<string, string> };
  readonly bodyAsText?: string | null;
  /** What a typed operation has parsed of it already. */
  readonly parsedBody?: unknown;
}

export interface CallOptions {
  readonly abortSignal: AbortSignal;
  readonly requestOptions: { readonly headers: Record<string, string> };
  readonly onResponse: (raw: RawAnswer) => void;
}

/** Ends a call of the SDK at its answer. */
const ANSWERED = new Error("the answer is there");

/**
 * Makes one call of the SDK and keeps what came over the wire. What the SDK would make of it is left out,
 * an object of its model or an error that lacks details: it takes more time than the call itself.
 *
 * The time limit is a signal of ours. The SDK's own `timeout` ends with the headers, so that a body which
 * stalls hangs for ever; and its timer outlives a connection that breaks, which keeps the process from
 * ending for a minute. Not of `AbortSignal.timeout`, whose timer outlives the call as well.
 *
 * Also ends at the limit or with `signal` while the SDK does not: it waits for a token whatever the signal.
 * Nothing is sent once that has come, since the signal is aborted by then.
 */
export async function sendThroughSdk(
  call: { readonly clientRequestId: string; readonly timeoutMs: number; readonly nowMs: () => number },
  invoke: (options: CallOptions) => Promise<unknown>,
  signal: AbortSignal,
): Promise<SentAnswer> {
  let answer: WireAnswer | undefined;
  let problem: unknown = new Error("the SDK reported no answer");
  const ending = new AbortController();
  const ended = Promise.withResolvers<void>();
  const end = (): void => {
    ending.abort(signal.reason);
    ended.resolve();
  };
  if (signal.aborted) end();
  signal.addEventListener("abort", end);
  const late = setTimeout(end, call.timeoutMs);
  try {
    const invoked = invoke({
      abortSignal: ending.signal,
      requestOptions: { headers: { "x-ms-client-request-id": call.clientRequestId } },
      onResponse: (raw) => {
        answer = {
          statusCode: raw.status,
          headers: raw.headers.toJSON(),
          body: typeof raw.parsedBody === "object" ? raw.parsedBody : parsed(raw.bodyAsText ?? ""),
          atMs: call.nowMs(),
        };
        throw ANSWERED;
      },
    });
    // The race also handles what `invoked` fails with after the end: only that the call has ended.
    await Promise.race([invoked, ended.promise]);
  } catch (error) {
    problem = error;
  } finally {
    clearTimeout(late);
    signal.removeEventListener("abort", end);
  }
  if (answer !== undefined) return answer;
  const { clientRequestId } = call;
  if (ending.signal.aborted && !signal.aborted)
    return {
      lost: ownError(ownErrorCodes.noAnswer, `no answer within ${call.timeoutMs} ms`, clientRequestId),
    };
  return { lost: lostError(problem, { clientRequestId, isCancelled: signal.aborted }) };
}

/** Errors of the credential that no retry fixes. */
const CREDENTIAL_ERRORS = [
  "AuthenticationError",
  "CredentialUnavailableError",
  "AggregateAuthenticationError",
  "AuthenticationRequiredError",
];

function lostError(
  error: unknown,
  call: { readonly clientRequestId: string; readonly isCancelled: boolean },
): ArmError {
  if (call.isCancelled) return ownError(ownErrorCodes.cancelled, "the caller gave up", call.clientRequestId);
  const { name, message, code, statusCode } = factsOf(error);
  // A busy or unreachable token service is no refusal: only its 4xx answers and a missing credential
  // are.
  const isRefusedLogin =
    CREDENTIAL_ERRORS.includes(name) &&
    (statusCode === undefined || (statusCode >= 400 && statusCode < 429)) &&
    !/network|ENOTFOUND|ECONN|ETIMEDOUT|EAI_AGAIN/i.test(message);
  if (isRefusedLogin)
    return {
      ...ownError(name, `no token for Azure: ${message}`, call.clientRequestId),
      statusCode: 401,
    };
  return ownError(
    ownErrorCodes.noAnswer,
    `${code === undefined ? "" : `${code}: `}${message}`,
    call.clientRequestId,
  );
}

function factsOf(error: unknown): {
  readonly name: string;
  readonly message: string;
  readonly code: string | undefined;
  readonly statusCode: number | undefined;
} {
  if (!(error instanceof Error))
    return { name: "", message: String(error), code: undefined, statusCode: undefined };
  const code = "code" in error && typeof error.code === "string" ? error.code : undefined;
  const statusCode =
    "statusCode" in error && typeof error.statusCode === "number" ? error.statusCode : undefined;
  return { name: error.name, message: error.message, code, statusCode };
}

function parsed(text: string): unknown {
  if (text === "") return undefined;
  try {
    return JSON.parse(text);
  } catch {
    // Proxies and gateways answer pages: the text itself then tells most.
    return text;
  }
}
