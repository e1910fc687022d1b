import { ok } from "../../../core/failure/result.ts";
import type { ApiAnswer, ApiClient, ApiRequest, ApiWatchEvent } from "../api/api-client.ts";

/** An API client with a test's answers, which records its requests. */
export interface ScriptedApiClient extends ApiClient {
  readonly requests: readonly ApiRequest[];
}

/** Answers calls by `answer`; a watch brings `events` and ends. */
export function scriptedApiClient(
  answer: (request: ApiRequest) => ApiAnswer,
  events: readonly ApiWatchEvent[] = [],
): ScriptedApiClient {
  const requests: ApiRequest[] = [];
  return {
    requests,
    call: (request) => {
      requests.push(request);
      return Promise.resolve(ok(answer(request)));
    },
    async *watch(path, query) {
      requests.push({ method: "GET", path, query });
      yield* events;
    },
    close: () => undefined,
  };
}
