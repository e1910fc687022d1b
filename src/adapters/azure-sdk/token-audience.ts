import type { Agent } from "node:https";
import {
  createDefaultHttpClient,
  createHttpHeaders,
  createPipelineFromOptions,
  createPipelineRequest,
} from "@azure/core-rest-pipeline";
import type { AccessToken, GetTokenOptions, TokenCredential } from "@azure/identity";
import { parseJson } from "../../core/primitives/parse-json.ts";

/** What is asked of the resource manager of a private cloud: V1 asks with the same version. */
const METADATA_PATH = "/metadata/endpoints?api-version=2015-01-01";
const METADATA_MAX_MS = 30_000;

export interface TokenAudienceOptions {
  readonly credential: TokenCredential;
  /** Such as `https://management.azure.com`; undefined: what the resource manager's metadata name first. */
  readonly audience: string | undefined;
  /** Address of the resource manager, also the audience where it has no metadata. */
  readonly resourceManager: string;
  readonly caPem: string | undefined;
  readonly agent: Agent | undefined;
}

/**
 * Signs in for the audience of the cloud, whatever scope a client derives from the address that it calls:
 * behind a private address or a proxy that is one for which Entra has no resource (AADSTS500011).
 */
export function forAudience(options: TokenAudienceOptions): TokenCredential {
  let known = options.audience;
  return {
    getToken: async (_scopes: string | string[], own?: GetTokenOptions): Promise<AccessToken | null> => {
      known ??= await discoverAudience(options, own?.abortSignal);
      return options.credential.getToken(`${known ?? options.resourceManager}/.default`, own);
    },
  };
}

/**
 * Undefined where the resource manager has no metadata. Throws where it does not tell: a refusal or a page of
 * a gateway must not decide what all later tokens are for. The next sign-in asks again.
 */
async function discoverAudience(
  { resourceManager, caPem, agent }: TokenAudienceOptions,
  abortSignal: GetTokenOptions["abortSignal"],
): Promise<string | undefined> {
  const pipeline = createPipelineFromOptions({
    ...(caPem === undefined ? {} : { tlsOptions: { ca: caPem } }),
    ...(agent === undefined ? {} : { agent }),
  });
  const { status, bodyAsText } = await pipeline.sendRequest(
    createDefaultHttpClient(),
    createPipelineRequest({
      url: `${resourceManager}${METADATA_PATH}`,
      headers: createHttpHeaders({ accept: "application/json" }),
      timeout: METADATA_MAX_MS,
      ...(abortSignal === undefined ? {} : { abortSignal }),
    }),
  );
  if (status === 404 || status === 400) return undefined;
  const audience = status === 200 ? audienceIn(bodyAsText ?? "") : undefined;
  if (audience === undefined)
    throw new Error(
      `${resourceManager}${METADATA_PATH} answers ${status} and no audience: what tokens are for is not ` +
        "known; set tokenAudience in the Azure settings (azure.json)",
    );
  return audience;
}

function audienceIn(text: string): string | undefined {
  const metadata = parseJson(text) as { authentication?: { audiences?: unknown } } | null | undefined;
  const audiences = metadata?.authentication?.audiences;
  return Array.isArray(audiences)
    ? audiences.find((audience): audience is string => typeof audience === "string" && audience !== "")
    : undefined;
}
