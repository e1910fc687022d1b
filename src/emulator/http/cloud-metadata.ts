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
    name: "AzurePublicCloud",
    portal: origin,
    resourceManager: `${origin}/`,
    authentication,
    graph: `${origin}/`,
    suffixes: {
      acrLoginServer: "azurecr.io",
      storage: "core.windows.net",
      keyVaultDns: "vault.azure.net",
    },
  };
  return { status: 200, body: apiVersion < "2022-09-01" ? [cloud] : cloud };
}
