import type { Agent } from "node:https";
import {
  createDefaultHttpClient,
  createHttpHeaders,
  createPipelineFromOptions,
  createPipelineRequest,
} from "@azure/core-rest-pipeline";
import type { AccessToken, GetTokenOptions, TokenCredential } from "@azure/identity";
import { parseJson } from "../../core/primitives/parse-json.ts";
import { audienceOf, type AzureEndpoints, PUBLIC_AUTHORITY } from "./azure-config.ts";
import type { CredentialAt } from "./azure-credential.ts";

/** What is asked of the resource manager of a private cloud: V1 reads the same two fields. */
const METADATA_PATH = "/metadata/endpoints?api-version=2015-01-01";
/** For a caller without a limit of its own. */
const METADATA_MAX_MS = 30_000;

export interface SignInOptions {
  readonly credentialAt: CredentialAt;
  /** What they lack is what the resource manager's metadata name. */
  readonly endpoints: AzureEndpoints;
  readonly caPem: string | undefined;
  readonly agent: Agent | undefined;
}

/** Where tokens come from, and what they are for. */
interface SignIn {
  readonly credential: TokenCredential;
  readonly audience: string;
}

/**
 * Signs in for the audience of the cloud, whatever scope a client derives from the address that it calls:
 * behind a private address or a proxy that is one for which Entra has no resource (AADSTS500011).
 */
export function signInAsDiscovered({ credentialAt, endpoints, ...how }: SignInOptions): TokenCredential {
  const { authority, tokenAudience, resourceManager } = endpoints;
  let signIn: SignIn | undefined =
    authority === undefined || tokenAudience === undefined
      ? undefined
      : { credential: credentialAt(authority), audience: tokenAudience };
  async function discovered(abortSignal: GetTokenOptions["abortSignal"]): Promise<SignIn> {
    const metadata = await readMetadata({ resourceManager, ...how }, abortSignal);
    const from = authority ?? metadata?.authority ?? PUBLIC_AUTHORITY;
    return {
      credential: credentialAt(from),
      audience: tokenAudience ?? metadata?.audience ?? audienceOf(from) ?? resourceManager,
    };
  }
  return {
    getToken: async (_scopes: string | string[], own?: GetTokenOptions): Promise<AccessToken | null> => {
      signIn ??= await discovered(own?.abortSignal);
      return signIn.credential.getToken(`${signIn.audience}/.default`, own);
    },
  };
}

interface Metadata {
  readonly authority: string | undefined;
  readonly audience: string;
}

/**
 * Undefined where the resource manager has no metadata. Throws where it does not tell: a refusal or a page of
 * a gateway must not decide what all later tokens are for. The next sign-in asks again.
 */
async function readMetadata(
  {
    resourceManager,
    caPem,
    agent,
  }: Pick<SignInOptions, "caPem" | "agent"> & { readonly resourceManager: string },
  abortSignal: GetTokenOptions["abortSignal"],
): Promise<Metadata | undefined> {
  const pipeline = createPipelineFromOptions({
    ...(caPem === undefined ? {} : { tlsOptions: { ca: caPem } }),
    ...(agent === undefined ? {} : { agent }),
  });
  const { status, bodyAsText } = await pipeline.sendRequest(
    createDefaultHttpClient(),
    createPipelineRequest({
      url: `${resourceManager}${METADATA_PATH}`,
      headers: createHttpHeaders({ accept: "application/json" }),
      // Not the SDK's `timeout`: its timer outlives a connection that breaks, and the process waits for it.
      abortSignal: abortSignal ?? AbortSignal.timeout(METADATA_MAX_MS),
    }),
  );
  if (status === 404 || status === 400) return undefined;
  const metadata = status === 200 ? metadataIn(bodyAsText ?? "") : undefined;
  if (metadata === undefined)
    throw new Error(
      `${resourceManager}${METADATA_PATH} answers ${status} and no audience: what tokens are for is not ` +
        "known; set tokenAudience and activeDirectoryEndpoint in the Azure settings (azure.json)",
    );
  return metadata;
}

function metadataIn(text: string): Metadata | undefined {
  const metadata = parseJson(text) as
    | { authentication?: { audiences?: unknown; loginEndpoint?: unknown } }
    | null
    | undefined;
  const { audiences, loginEndpoint } = metadata?.authentication ?? {};
  const audience = Array.isArray(audiences)
    ? audiences.find((each): each is string => typeof each === "string" && each !== "")
    : undefined;
  if (audience === undefined) return undefined;
  const authority = typeof loginEndpoint === "string" ? loginEndpoint.replace(/\/+$/, "") : "";
  return { audience, authority: authority === "" ? undefined : authority };
}
