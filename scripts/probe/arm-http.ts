import {
  bearerTokenAuthenticationPolicy,
  createDefaultHttpClient,
  createHttpHeaders,
  createPipelineFromOptions,
  createPipelineRequest,
} from "@azure/core-rest-pipeline";
import type { TokenCredential } from "@azure/identity";
import { defaultApiVersions, serviceOf } from "../../src/adapters/azure-sdk/api-versions.ts";

/** A call as ARM sees it. */
export interface ArmHttpRequest {
  readonly method: "GET" | "PUT" | "PATCH" | "POST" | "DELETE";
  /** From `/subscriptions/`, or a whole URL, such as that of an operation. */
  readonly path: string;
  readonly body?: object;
  readonly ifMatch?: string;
}

/** What ARM answered, with the headers that SDKs keep to themselves. */
export interface ArmHttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Json;
}

/** A parsed body. */
export type Json = { readonly [name: string]: unknown } | undefined;

/** Sends calls as they are: no retries, no interpretation. */
export type ArmHttp = (request: ArmHttpRequest) => Promise<ArmHttpAnswer>;

/**
 * Calls to one endpoint, with the API versions that the driver sends; `caPem`: of an authority besides the
 * well-known ones.
 */
export function createArmHttp(options: {
  readonly endpoint: string;
  readonly credential: TokenCredential;
  readonly caPem: string | undefined;
}): ArmHttp {
  const { endpoint, credential, caPem } = options;
  const pipeline = createPipelineFromOptions({
    retryOptions: { maxRetries: 0 },
    userAgentOptions: { userAgentPrefix: "azuredisk-csi-driver-v2-probe" },
    ...(caPem === undefined ? {} : { tlsOptions: { ca: caPem } }),
  });
  pipeline.addPolicy(bearerTokenAuthenticationPolicy({ credential, scopes: `${endpoint}/.default` }));
  const client = createDefaultHttpClient();
  return async ({ method, path, body, ifMatch }) => {
    const url = new URL(path, endpoint);
    const service = serviceOf(url);
    if (service !== undefined) url.searchParams.set("api-version", defaultApiVersions[service]);
    const request = createPipelineRequest({
      url: url.toString(),
      method,
      headers: createHttpHeaders({
        "content-type": "application/json",
        ...(ifMatch === undefined ? {} : { "if-match": ifMatch }),
      }),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const { status, headers, bodyAsText } = await pipeline.sendRequest(client, request);
    const text = bodyAsText ?? "";
    return { status, headers: headers.toJSON(), body: text === "" ? undefined : (JSON.parse(text) as Json) };
  };
}
