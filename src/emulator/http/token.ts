import { randomUUID } from "node:crypto";
import type { Json } from "../model/api/json.ts";
import {
  ANY_IDENTITY,
  type Identities,
  isManagedIdentity,
  refusedSignIn,
  refusedTenant,
} from "../model/authorization/identities.ts";
import { RESOURCE_MANAGER_AUDIENCES } from "./cloud-metadata.ts";
import { type HttpAnswer, type HttpRequest, parseJson } from "./http-exchange.ts";

const LIFETIME_S = 3600;
const SOVEREIGN_AUDIENCES: readonly string[] = [
  "https://management.usgovcloudapi.net",
  "https://management.chinacloudapi.cn",
];
const MANAGED_IDENTITY_LIFETIME_S = 86_400;

/**
 * The Microsoft Entra and managed identity endpoints that Azure's identity packages use; `undefined` for
 * any other path. A request must be complete; by default every client then gets a token.
 */
export function answerIdentity(
  request: HttpRequest,
  identities: Identities = ANY_IDENTITY,
): HttpAnswer | undefined {
  // The SDK for JavaScript sends a trailing slash to IMDS.
  const path = request.path.toLowerCase().replace(/\/$/, "");
  const tenant = /^\/([^/]+)\/(?:oauth2\/v2\.0\/token|oauth2\/token)$/.exec(path)?.[1];
  if (tenant !== undefined)
    return request.method === "POST" ? entraToken(request, tenant, identities) : { status: 405 };
  const issuer = /^\/([^/]+)(?:\/v2\.0)?\/\.well-known\/openid-configuration$/.exec(path)?.[1];
  if (issuer !== undefined) return openIdConfiguration(request, issuer, identities);
  if (path === "/common/discovery/instance") return instanceDiscovery(request);
  if (path === "/metadata/identity/oauth2/token" || path === "/msi/token")
    return managedIdentityToken(request, path === "/msi/token", identities);
  return undefined;
}

/** The token of a service principal with a secret, or of a workload with a federated assertion. */
function entraToken(request: HttpRequest, tenant: string, identities: Identities): HttpAnswer {
  const form = new URLSearchParams(request.bodyText);
  const clientId = form.get("client_id");
  if (form.get("grant_type") !== "client_credentials")
    return entraError(
      "unsupported_grant_type",
      "AADSTS70003: only the grant type 'client_credentials' is supported.",
    );
  if (clientId === null || clientId === "")
    return entraError(
      "invalid_request",
      "AADSTS900144: The request body must contain the following parameter: 'client_id'.",
    );
  if (!form.has("client_secret") && !form.has("client_assertion"))
    return entraError(
      "invalid_client",
      "AADSTS7000218: The request body must contain the following parameter: " +
        "'client_assertion' or 'client_secret'.",
    );
  const secret = form.get("client_secret") ?? undefined;
  const unaccepted = refusedSignIn(identities, { tenant, clientId, secret });
  if (unaccepted !== undefined)
    return { ...entraError(unaccepted.error, unaccepted.description), status: unaccepted.status };
  if (!form.has("resource") && !form.has("scope"))
    return entraError(
      "invalid_request",
      "AADSTS900144: The request body must contain the following parameter: 'scope'.",
    );
  const resource = form.get("resource") ?? resourceOf(form.get("scope") ?? "");
  if (!isResourceManager(resource, request.origin))
    return entraError(
      "invalid_resource",
      `AADSTS500011: The resource principal named ${resource} was not found in the tenant named emulator.`,
    );
  return {
    status: 200,
    body: {
      token_type: "Bearer",
      expires_in: LIFETIME_S - 1,
      ext_expires_in: LIFETIME_S - 1,
      access_token: accessToken(request, { tenant, clientId, lifetimeS: LIFETIME_S }),
    },
  };
}

/** The resource among scopes such as `https://management.azure.com/.default openid`. */
function resourceOf(scopes: string): string {
  const scope = scopes.split(/\s+/).find((each) => each.endsWith("/.default"));
  return scope?.slice(0, -"/.default".length) ?? scopes;
}

/**
 * Whether tokens for a resource are tokens for a resource manager: Azure's names, those of the sovereign
 * clouds, or this emulator's own address.
 */
function isResourceManager(resource: string, origin: string): boolean {
  const name = withoutSlash(resource);
  return [...RESOURCE_MANAGER_AUDIENCES, ...SOVEREIGN_AUDIENCES, origin].map(withoutSlash).includes(name);
}

function withoutSlash(url: string): string {
  return url.toLowerCase().replace(/\/+$/, "");
}

/**
 * IMDS requires the header `Metadata: true`; the App Service form, which `IDENTITY_ENDPOINT` selects,
 * requires `X-IDENTITY-HEADER`.
 */
function managedIdentityToken(request: HttpRequest, appService: boolean, identities: Identities): HttpAnswer {
  const authorised = appService
    ? request.headers["x-identity-header"] !== undefined
    : request.headers["metadata"]?.toLowerCase() === "true";
  if (!authorised)
    return {
      status: 400,
      body: { error: "invalid_request", error_description: "Required metadata header not specified" },
    };
  const resource = request.query["resource"];
  if (resource === undefined)
    return {
      status: 400,
      body: { error: "invalid_request", error_description: "Required query variable 'resource' is missing" },
    };
  const clientId = request.query["client_id"] ?? "00000000-0000-0000-0000-0000000000aa";
  if (!isManagedIdentity(identities, clientId))
    return { status: 400, body: { error: "invalid_request", error_description: "Identity not found" } };
  const nowS = Math.floor(Date.now() / 1000);
  const [tenant = "emulator"] = identities.tenants;
  return {
    status: 200,
    body: {
      access_token: accessToken(request, { tenant, clientId, lifetimeS: MANAGED_IDENTITY_LIFETIME_S }),
      client_id: clientId,
      expires_in: String(MANAGED_IDENTITY_LIFETIME_S - 1),
      expires_on: String(nowS + MANAGED_IDENTITY_LIFETIME_S),
      ext_expires_in: String(MANAGED_IDENTITY_LIFETIME_S - 1),
      not_before: String(nowS),
      resource,
      token_type: "Bearer",
    },
  };
}

function openIdConfiguration(request: HttpRequest, tenant: string, identities: Identities): HttpAnswer {
  const unknown = refusedTenant(identities, tenant);
  if (unknown !== undefined) return entraError("invalid_tenant", unknown.description);
  const base = `${request.origin}/${tenant}`;
  return {
    status: 200,
    body: {
      token_endpoint: `${base}/oauth2/v2.0/token`,
      token_endpoint_auth_methods_supported: ["client_secret_post", "private_key_jwt", "client_secret_basic"],
      jwks_uri: `${base}/discovery/v2.0/keys`,
      issuer: `${base}/v2.0`,
      authorization_endpoint: `${base}/oauth2/v2.0/authorize`,
      device_authorization_endpoint: `${base}/oauth2/v2.0/devicecode`,
      end_session_endpoint: `${base}/oauth2/v2.0/logout`,
      response_types_supported: ["code", "id_token", "code id_token", "id_token token"],
      subject_types_supported: ["pairwise"],
      id_token_signing_alg_values_supported: ["RS256"],
      scopes_supported: ["openid", "profile", "email", "offline_access"],
      cloud_instance_name: "microsoftonline.com",
      tenant_region_scope: "NA",
    },
  };
}

function instanceDiscovery(request: HttpRequest): HttpAnswer {
  const { host } = new URL(request.origin);
  return {
    status: 200,
    body: {
      tenant_discovery_endpoint: `${request.origin}/common/v2.0/.well-known/openid-configuration`,
      "api-version": "1.1",
      metadata: [{ preferred_network: host, preferred_cache: host, aliases: [host] }],
    },
  };
}

/** A token in the form of a JWT, since some clients read its content. Its signature is not checked. */
function accessToken(
  request: HttpRequest,
  {
    tenant,
    clientId,
    lifetimeS,
  }: { readonly tenant: string; readonly clientId: string; readonly lifetimeS: number },
): string {
  const nowS = Math.floor(Date.now() / 1000);
  const claims = {
    aud: "https://management.azure.com",
    iss: `${request.origin}/${tenant}/`,
    tid: tenant,
    iat: nowS,
    nbf: nowS,
    exp: nowS + lifetimeS,
    appid: clientId,
    // As refusals of Resource Manager name it here. Terraform asks Microsoft Graph where a token has none.
    oid: clientId,
    uti: randomUUID(),
  };
  return (
    [{ typ: "JWT", alg: "none" }, claims]
      .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
      .join(".") + ".emulator"
  );
}

/** The claims of a token of this emulator's, or of any JWT; undefined if it has none. */
export function claimsOf(authorization: string): Json | undefined {
  const claims = parseJson(Buffer.from(authorization.split(".")[1] ?? "", "base64url").toString());
  return claims.ok ? claims.value : undefined;
}

function entraError(error: string, description: string): HttpAnswer {
  return {
    status: 400,
    body: {
      error,
      error_description: description,
      error_codes: (/^AADSTS(\d+)/.exec(description)?.slice(1) ?? []).map(Number),
      timestamp: new Date().toISOString(),
      trace_id: randomUUID(),
      correlation_id: randomUUID(),
    },
  };
}
