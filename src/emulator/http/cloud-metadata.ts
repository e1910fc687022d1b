import type { HttpAnswer, HttpRequest } from "./http-exchange.ts";

/** What tokens for the resource manager are for: its two names in the public cloud. */
export const RESOURCE_MANAGER_AUDIENCES: readonly string[] = [
  "https://management.core.windows.net/",
  "https://management.azure.com/",
];

/**
 * `GET /metadata/endpoints`: from it, clients that know only a resource manager's URL find all other
 * endpoints. From 2019-05-01 on the answer is a list, from 2022-09-01 on the one cloud of the endpoint.
 */
export function answerCloudMetadata(request: HttpRequest): HttpAnswer | undefined {
  if (request.method !== "GET" || request.path.toLowerCase() !== "/metadata/endpoints") return undefined;
  const { origin } = request;
  const authentication = {
    loginEndpoint: `${origin}/`,
    audiences: RESOURCE_MANAGER_AUDIENCES,
    tenant: "common",
    identityProvider: "AAD",
  };
  const apiVersion = request.query["api-version"] ?? "";
  if (apiVersion < "2019-05-01")
    return {
      status: 200,
      body: { galleryEndpoint: origin, graphEndpoint: origin, portalEndpoint: origin, authentication },
    };
  const cloud = {
    portal: origin,
    resourceManager: `${origin}/`,
    authentication,
    graph: `${origin}/`,
    suffixes: { acrLoginServer: "azurecr.io", storage: "core.windows.net", keyVaultDns: "vault.azure.net" },
  };
  // V1 searches the list for the cloud of its configuration, which it names as the SDKs do.
  if (apiVersion < "2022-09-01") return { status: 200, body: [{ name: "AzurePublicCloud", ...cloud }] };
  // Terraform and Pulumi read no cloud without the address of Microsoft Graph, for which they get a token.
  return { status: 200, body: { name: "AzureCloud", ...cloud, microsoftGraphResourceId: `${origin}/` } };
}
