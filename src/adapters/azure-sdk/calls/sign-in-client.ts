import { createDefaultHttpClient, type HttpClient } from "@azure/core-rest-pipeline";

/** The longest wait for the answer to one request of a sign-in, in milliseconds. */
const REQUEST_MAX_MS = 30_000;

/**
 * The HTTP client of credentials. It ends a request without an answer: credentials set no limit, and those of
 * Entra ID ignore their caller's signal, so that each sign-in that is given up would leave an open one.
 *
 * `isProxied: false` for the metadata service: it answers about the VM that asks. The SDK uses `HTTPS_PROXY`
 * for it as well, and would sign in as the proxy's VM.
 */
export function createSignInClient({
  isProxied,
  requestMaxMs = REQUEST_MAX_MS,
}: {
  readonly isProxied: boolean;
  readonly requestMaxMs?: number;
}): HttpClient {
  const client = createDefaultHttpClient();
  return {
    sendRequest: (request) => {
      if (!isProxied) delete request.agent;
      if (request.timeout === 0) request.timeout = requestMaxMs;
      return client.sendRequest(request);
    },
  };
}
