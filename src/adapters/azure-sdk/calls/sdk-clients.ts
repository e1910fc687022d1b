import type { Agent } from "node:https";
import { ComputeManagementClient, type ComputeManagementClientOptionalParams } from "@azure/arm-compute";
import {
  auxiliaryAuthenticationHeaderPolicy,
  formDataPolicyName,
  type HttpClient,
  multipartPolicyName,
  tracingPolicyName,
} from "@azure/core-rest-pipeline";
import type { TokenCredential } from "@azure/identity";
import { createApiVersionPolicy, type ReplacedVersion } from "../api-version-policy.ts";
import { type ApiVersions, defaultApiVersions } from "../api-versions.ts";
import { createKeptToken, type KeptTokenOptions } from "./kept-token.ts";
import { reworded } from "./reworded.ts";

/** What signs in to a tenant whose resources VMs refer to. */
export interface AuxiliaryCredential {
  readonly tenantId: string;
  readonly credential: TokenCredential;
}

/** How the clients reach Azure. */
export interface SdkClientOptions extends KeptTokenOptions {
  readonly credential: TokenCredential;
  /** Of other tenants, whose resources VMs refer to. Default: none. */
  readonly auxiliaryCredentials?: readonly AuxiliaryCredential[];
  /**
   * Azure Resource Manager's address, such as `https://management.azure.com`; an emulator's must be HTTPS
   * too, or the SDK sends no token.
   */
  readonly endpoint: string;
  /**
   * Certificates, in PEM, that the endpoint's may be signed by besides the well-known ones. Default: none.
   */
  readonly caPem?: string;
  /** Default: the SDK's own connections. */
  readonly agent?: Agent;
  /** How Azure's logs show the driver, such as `driver/1.0 suffix`. */
  readonly userAgent: string;
  /** Default: `defaultApiVersions`. */
  readonly apiVersions?: ApiVersions;
  /** A cloud does not have one of them. */
  readonly onReplacedVersion?: (replaced: ReplacedVersion) => void;
}

export type ClientOf = (subscriptionId: string) => ComputeManagementClient;

/**
 * What each of the SDK's calls would pass through for nothing: its own retries, since the throttle budget
 * must see every call; forms and multipart bodies, which no call sends; spans, which nothing records.
 */
const UNUSED_POLICIES = [
  { phase: "Retry" },
  { name: formDataPolicyName },
  { name: multipartPolicyName },
  { name: tracingPolicyName },
] as const;

/** The SDK's clients, one a subscription: each sends its calls to that subscription and no other. */
export function createSdkClients(options: SdkClientOptions, httpClient: HttpClient): ClientOf {
  const clients = new Map<string, ComputeManagementClient>();
  const policy = createApiVersionPolicy(
    options.apiVersions ?? defaultApiVersions,
    options.onReplacedVersion ?? ((): void => undefined),
  );
  const credential = createKeptToken(options.credential, options);
  const credentials = (options.auxiliaryCredentials ?? []).map(({ credential: auxiliary, tenantId }) =>
    namingTenant(createKeptToken(auxiliary, options, tenantId), tenantId),
  );
  const scopes = `${options.endpoint.replace(/\/$/, "")}/.default`;
  const auxiliary: NonNullable<ComputeManagementClientOptionalParams["additionalPolicies"]> =
    credentials.length === 0
      ? []
      : [{ policy: auxiliaryAuthenticationHeaderPolicy({ credentials, scopes }), position: "perCall" }];
  return (subscriptionId) => {
    const key = subscriptionId.toLowerCase();
    const present = clients.get(key);
    if (present !== undefined) return present;
    const client = new ComputeManagementClient(credential, subscriptionId, {
      endpoint: options.endpoint,
      httpClient,
      additionalPolicies: [{ policy, position: "perCall" }, ...auxiliary],
      userAgentOptions: { userAgentPrefix: options.userAgent },
      credentials: { scopes: [scopes] },
      ...(options.caPem === undefined ? {} : { tlsOptions: { ca: options.caPem } }),
      ...(options.agent === undefined ? {} : { agent: options.agent }),
    });
    for (const unused of UNUSED_POLICIES) client.pipeline.removePolicy(unused);
    clients.set(key, client);
    return client;
  };
}

/** Says in a failed sign-in that it was for an auxiliary token. */
function namingTenant(credential: TokenCredential, tenantId: string): TokenCredential {
  return {
    getToken: async (scopes, options) => {
      try {
        return await credential.getToken(scopes, options);
      } catch (error) {
        throw reworded(error, (message) => `auxiliaryTenantIDs ${tenantId}: ${message}`);
      }
    },
  };
}
