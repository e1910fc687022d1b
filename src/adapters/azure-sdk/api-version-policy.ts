import type {
  PipelinePolicy,
  PipelineRequest,
  PipelineResponse,
  SendRequest,
} from "@azure/core-rest-pipeline";
import { type ApiVersions, replacementFor, type Service, serviceOf } from "./api-versions.ts";

/** A cloud does not have an API version, and another one is used from now on. */
export interface ReplacedVersion {
  readonly service: Service;
  readonly refused: string;
  readonly used: string;
}

/**
 * Sends each call with the API version of its service instead of the SDK's, which is the newest. A cloud that
 * refuses a version lists those that it has: the call is repeated once with one of them, and so are all later
 * ones. A refusal has no effect, so any call can be repeated.
 */
export function createApiVersionPolicy(
  versions: ApiVersions,
  onReplaced: (replaced: ReplacedVersion) => void,
): PipelinePolicy {
  const used: Record<Service, string> = { ...versions };
  return {
    name: "apiVersionOfService",
    sendRequest: async (request: PipelineRequest, next: SendRequest): Promise<PipelineResponse> => {
      const url = new URL(request.url);
      const service = serviceOf(url);
      if (service === undefined) return next(request);
      const sent = used[service];
      request.url = withVersion(url, sent);
      const response = await next(request);
      const replacement =
        response.status === 400 || response.status === 404
          ? replacementFor(service, sent, errorIn(response.bodyAsText))
          : undefined;
      if (replacement === undefined) return response;
      if (used[service] === sent) {
        used[service] = replacement;
        onReplaced({ service, refused: sent, used: replacement });
      }
      request.url = withVersion(url, used[service]);
      return next(request);
    },
  };
}

function withVersion(url: URL, version: string): string {
  url.searchParams.set("api-version", version);
  return url.toString();
}

function errorIn(body: string | null | undefined): { readonly code: string; readonly message: string } {
  const none = { code: "", message: "" };
  try {
    const { error } = JSON.parse(body ?? "") as { readonly error?: { code?: unknown; message?: unknown } };
    return typeof error?.code === "string" && typeof error.message === "string"
      ? { code: error.code, message: error.message }
      : none;
  } catch {
    return none;
  }
}
