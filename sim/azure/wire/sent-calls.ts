import { fail } from "../../../src/core/failure/result.ts";
import type { ArmAnswer, ArmApi } from "../../../src/provisioner/arm/arm-api.ts";
import { ownError, ownErrorCodes } from "../../../src/provisioner/arm/arm-error.ts";

type Call = (
  request: { readonly clientRequestId: string },
  signal: AbortSignal,
) => Promise<ArmAnswer<unknown>>;

/**
 * Calls over a network: a sent call arrives even if its caller gives up or dies; the caller only stops
 * waiting for the response. No response arrives while `isReachable` is false.
 */
export function sentCalls(arm: ArmApi, isReachable: () => boolean): ArmApi {
  // Created here and not at load time: before a world is created, signals are the platform's, which cost
  // ten times as much.
  const never = new AbortController().signal;
  const sent = Object.entries(arm as unknown as Readonly<Record<string, Call>>).map(
    ([name, call]): [string, Call] => [
      name,
      async (request, signal) => {
        const answer = signal.aborted ? "givenUp" : await unlessGivenUp(call(request, never), signal);
        if (answer === "givenUp")
          return without(ownErrorCodes.cancelled, "the caller gave up", request.clientRequestId);
        return isReachable()
          ? answer
          : without(ownErrorCodes.noAnswer, "the connection broke", request.clientRequestId);
      },
    ],
  );
  // Each method keeps its name and its signature.
  return Object.fromEntries(sent) as unknown as ArmApi;
}

function without(code: string, message: string, requestId: string): ArmAnswer<never> {
  return { result: fail(ownError(code, message, requestId)), remaining: [] };
}

function unlessGivenUp<T>(answering: Promise<T>, signal: AbortSignal): Promise<T | "givenUp"> {
  return new Promise((resolve, reject) => {
    const giveUp = (): void => resolve("givenUp");
    signal.addEventListener("abort", giveUp, { once: true });
    const stopListening = (): void => signal.removeEventListener("abort", giveUp);
    answering.then(
      (answer) => {
        stopListening();
        resolve(answer);
      },
      (error: unknown) => {
        stopListening();
        reject(error instanceof Error ? error : new Error(String(error)));
      },
    );
  });
}
