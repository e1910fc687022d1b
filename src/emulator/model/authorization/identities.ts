import { type ArmFailure, failure } from "../api/errors.ts";
import { type Json, numberAt, textAt } from "../api/json.ts";
import { isoTime } from "../api/resource/iso-time.ts";

/** An application of a tenant. */
interface Client {
  readonly tenant: string;
  /** What it signs in with. */
  readonly secret: string;
  /** Whether that secret has expired. */
  readonly expired?: boolean;
}

/** Who can sign in. */
export interface Identities {
  /** Ids of the tenants that exist; empty: any. */
  readonly tenants: readonly string[];
  /** By client id; empty: any client, with any secret. */
  readonly clients: Readonly<Record<string, Client>>;
  /** The tenants of subscriptions by their ids, for writes that name resources of both. Default: of one. */
  readonly subscriptions?: Readonly<Record<string, string>>;
}

/** Everybody can. */
export const ANY_IDENTITY: Identities = { tenants: [], clients: {}, subscriptions: {} };

/** A sign-in with a secret, or with an assertion that is not checked. */
interface SignIn {
  readonly tenant: string;
  readonly clientId: string;
  readonly secret: string | undefined;
}

/** A refusal of Microsoft Entra: https://learn.microsoft.com/entra/identity-platform/reference-error-codes. */
export interface EntraRefusal {
  readonly status: number;
  readonly error: string;
  readonly description: string;
}

/** Entra's refusal of a tenant; undefined: it exists. */
export function refusedTenant({ tenants }: Identities, tenant: string): EntraRefusal | undefined {
  if (tenants.length === 0 || isAmong(tenants, tenant)) return undefined;
  return {
    status: 400,
    error: "invalid_request",
    description:
      `AADSTS90002: Tenant '${tenant}' not found. Check to make sure you have the correct tenant ID and ` +
      "are signing into the correct cloud. Check with your subscription administrator, this may happen if " +
      "there are no active subscriptions for the tenant.",
  };
}

/** Entra's refusal of a sign-in; undefined: it is accepted. */
export function refusedSignIn(identities: Identities, signIn: SignIn): EntraRefusal | undefined {
  const { tenant, clientId, secret } = signIn;
  const tenantRefused = refusedTenant(identities, tenant);
  if (tenantRefused !== undefined || Object.keys(identities.clients).length === 0) return tenantRefused;
  const client = clientOf(identities, clientId);
  if (client === undefined || client.tenant.toLowerCase() !== tenant.toLowerCase())
    return {
      status: 400,
      error: "unauthorized_client",
      description:
        `AADSTS700016: Application with identifier '${clientId}' was not found in the directory ` +
        `'${tenant}'. This can happen if the application has not been installed by the administrator of ` +
        "the tenant or consented to by any user in the tenant. You may have sent your authentication " +
        "request to the wrong tenant.",
    };
  if (secret === undefined) return undefined;
  if (secret !== client.secret)
    return {
      status: 401,
      error: "invalid_client",
      description:
        "AADSTS7000215: Invalid client secret provided. Ensure the secret being sent in the request is the " +
        `client secret value, not the client secret ID, for a secret added to app '${clientId}'.`,
    };
  if (client.expired !== true) return undefined;
  return {
    status: 401,
    error: "invalid_client",
    description:
      `AADSTS7000222: The provided client secret keys for app '${clientId}' are expired. Visit the Azure ` +
      "portal to create new keys for your app: https://aka.ms/NewClientSecret, or consider using certificate " +
      "credentials for added security: https://aka.ms/certCreds.",
  };
}

/** Whether the platform gives an identity to VMs. */
export function isManagedIdentity(identities: Identities, clientId: string): boolean {
  return Object.keys(identities.clients).length === 0 || clientOf(identities, clientId) !== undefined;
}

/**
 * ARM's refusal of a token, by its claims; undefined: it is accepted. Where everybody can sign in, any token
 * is.
 */
export function refusedToken(
  identities: Identities,
  claims: Json | undefined,
  nowMs: number,
): ArmFailure | undefined {
  const { tenants, clients } = identities;
  if (tenants.length === 0 && Object.keys(clients).length === 0) return undefined;
  const expiresS = numberAt(claims, "exp");
  const tenant = textAt(claims, "tid");
  const clientId = textAt(claims, "appid");
  if (expiresS === undefined || tenant === undefined || clientId === undefined)
    return unauthenticated("InvalidAuthenticationToken", "The access token is invalid.");
  if (expiresS * 1000 <= nowMs)
    return unauthenticated(
      "ExpiredAuthenticationToken",
      `The access token expiry UTC time '${isoTime(expiresS * 1000)}' is earlier than ` +
        `current UTC time '${isoTime(nowMs)}'.`,
    );
  if (tenants.length > 0 && !isAmong(tenants, tenant))
    return unauthenticated(
      "InvalidAuthenticationTokenTenant",
      `The access token is from the wrong issuer 'https://sts.windows.net/${tenant}/'. It must match the ` +
        `tenant 'https://sts.windows.net/${tenants[0]}/' associated with this subscription.`,
    );
  return Object.keys(clients).length > 0 && clientOf(identities, clientId) === undefined
    ? unauthenticated("InvalidAuthenticationToken", "The access token is invalid.")
    : undefined;
}

function unauthenticated(code: string, message: string): ArmFailure {
  return failure(401, code, message, {
    headers: {
      "www-authenticate":
        'Bearer authorization_uri="https://login.microsoftonline.com/common", error="invalid_token", ' +
        `error_description="${message}"`,
    },
  });
}

function clientOf({ clients }: Identities, clientId: string): Client | undefined {
  return Object.entries(clients).find(([id]) => id.toLowerCase() === clientId.toLowerCase())?.[1];
}

function isAmong(ids: readonly string[], id: string): boolean {
  return ids.some((each) => each.toLowerCase() === id.toLowerCase());
}
