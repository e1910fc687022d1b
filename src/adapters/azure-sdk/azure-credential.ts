import type { Agent } from "node:https";
import type { HttpClient } from "@azure/core-rest-pipeline";
import {
  ClientCertificateCredential,
  ClientSecretCredential,
  ManagedIdentityCredential,
  type TokenCredential,
  WorkloadIdentityCredential,
} from "@azure/identity";
import { refuseArgument } from "../../core/failure/frequent-failures.ts";
import { messageOf } from "../../core/failure/message-of.ts";
import { fail, type Result, ok } from "../../core/failure/result.ts";
import type { Clock } from "../../ports/clock.ts";
import {
  audienceOf,
  type AzureConfig,
  type ConfigFailure,
  dataPlaneIdentityPath,
  required,
} from "./azure-config.ts";
import { createSignInClient } from "./calls/sign-in-client.ts";
import type { SettingsReports } from "./current-credential.ts";
import { clientCertificatePem } from "./identity-file/client-certificate.ts";
import { createDataPlaneIdentity } from "./identity-file/data-plane-identity.ts";
import { createFileCredential } from "./identity-file/file-credential.ts";
import { createRetriedCredential } from "./retried-credential.ts";

/** Where credentials are looked for. */
export interface CredentialSources {
  readonly clock: Clock;
  readonly config: AzureConfig;
  /** Signs in to this tenant instead of the settings' own. */
  readonly tenantId?: string;
  /** `process.env`. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Certificates for the authority, as for the endpoint. */
  readonly caPem: string | undefined;
  readonly agent: Agent | undefined;
  /** Of a certificate's or an identity's own file. Default: none. */
  readonly reports?: SettingsReports;
}

/** One for all credentials, as the SDK's own: its connections are kept. */
const signInClient = createSignInClient({ isProxied: true });

/** Makes the credential of one authority, such as `https://login.microsoftonline.com`. */
export type CredentialAt = (authority: string) => TokenCredential;

/**
 * Chooses how to log in to Azure: workload identity if its token file is known (what its webhook
 * injects goes before the file), a managed identity if `useManagedIdentityExtension`, else the client
 * secret, else its certificate, else the file of the managed identity service's data plane: the order of
 * Kubernetes' cloud provider. An incomplete choice fails and names the missing field: guessing would log in
 * as another identity.
 */
export function createAzureCredential(sources: CredentialSources): Result<CredentialAt, ConfigFailure> {
  const { config, clock } = sources;
  if (isWorkloadIdentity(sources)) return workloadIdentity(sources);
  if (isManagedIdentity(sources)) return ok(() => managedIdentity(config.userAssignedIdentityID ?? ""));
  const identityPath = dataPlaneIdentityPath(config);
  if (identityPath !== undefined)
    return ok(() =>
      createDataPlaneIdentity(identityPath, connectionOptions(sources), { ...sources.reports, clock }),
    );
  const { aadClientId, aadClientSecret, aadClientCertPath } = config;
  if (aadClientId === undefined && aadClientSecret === undefined && aadClientCertPath === undefined)
    return refuseArgument(
      "aadClientId",
      "",
      "is missing, and so is every other way to log in to Azure: set aadClientId and aadClientSecret, " +
        "or aadClientCertPath, or aadMSIDataPlaneIdentityPath, or useManagedIdentityExtension, or run with " +
        "workload identity (AZURE_FEDERATED_TOKEN_FILE)",
    );
  return aadClientSecret === undefined && aadClientCertPath !== undefined
    ? clientCertificate(sources, aadClientCertPath)
    : clientSecret(sources);
}

function isWorkloadIdentity({
  config,
  environment,
}: Pick<CredentialSources, "config" | "environment">): boolean {
  return (
    environment["AZURE_FEDERATED_TOKEN_FILE"] !== undefined ||
    config.useFederatedWorkloadIdentityExtension === true
  );
}

/** Whether tokens come from the machine's metadata service, and no authority is called. */
export function isManagedIdentity(sources: Pick<CredentialSources, "config" | "environment">): boolean {
  return !isWorkloadIdentity(sources) && sources.config.useManagedIdentityExtension === true;
}

function workloadIdentity(sources: CredentialSources): Result<CredentialAt, ConfigFailure> {
  const { config, environment } = sources;
  const merged: AzureConfig = {
    ...config,
    ...given("tenantId", sources.tenantId ?? environment["AZURE_TENANT_ID"]),
    ...given("aadClientId", environment["AZURE_CLIENT_ID"]),
    ...given("aadFederatedTokenFile", environment["AZURE_FEDERATED_TOKEN_FILE"]),
  };
  const why =
    "workload identity needs it (or AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_FEDERATED_TOKEN_FILE in the " +
    "environment)";
  const tenantId = required(merged, "tenantId", why);
  if (!tenantId.ok) return tenantId;
  const clientId = required(merged, "aadClientId", why);
  if (!clientId.ok) return clientId;
  const tokenFilePath = required(merged, "aadFederatedTokenFile", why);
  if (!tokenFilePath.ok) return tokenFilePath;
  return ok((authority) =>
    createRetriedCredential(
      () =>
        new WorkloadIdentityCredential({
          tenantId: tenantId.value,
          clientId: clientId.value,
          tokenFilePath: tokenFilePath.value,
          ...authorityOptions(sources, authority),
        }),
    ),
  );
}

function managedIdentity(identity: string): TokenCredential {
  const httpClient = createSignInClient({ isProxied: false });
  if (identity === "") return new ManagedIdentityCredential({ httpClient });
  return identity.startsWith("/")
    ? new ManagedIdentityCredential({ resourceId: identity, httpClient })
    : new ManagedIdentityCredential({ clientId: identity, httpClient });
}

function clientSecret(sources: CredentialSources): Result<CredentialAt, ConfigFailure> {
  const config = inTenant(sources);
  const why = "logging in with a client secret needs it";
  const tenantId = required(config, "tenantId", why);
  if (!tenantId.ok) return tenantId;
  const clientId = required(config, "aadClientId", why);
  if (!clientId.ok) return clientId;
  const secret = required(config, "aadClientSecret", why);
  if (!secret.ok) return secret;
  return ok(
    (authority) =>
      new ClientSecretCredential(
        tenantId.value,
        clientId.value,
        secret.value,
        authorityOptions(sources, authority),
      ),
  );
}

/**
 * Its file is read at each sign-in. Given the path, the SDK would read it too, but fail for a broken one
 * although it has a token, and keep the first certificate for good.
 */
function clientCertificate(
  sources: CredentialSources,
  certificatePath: string,
): Result<CredentialAt, ConfigFailure> {
  const config = inTenant(sources);
  const why = "signing in with a certificate needs it";
  const tenantId = required(config, "tenantId", why);
  if (!tenantId.ok) return tenantId;
  const clientId = required(config, "aadClientId", why);
  if (!clientId.ok) return clientId;
  return ok((authority) =>
    createFileCredential({
      ...sources.reports,
      clock: sources.clock,
      field: "aadClientCertPath",
      path: certificatePath,
      create: (content) => {
        const certificate = certificateOf(content, config.aadClientCertPassword);
        if (!certificate.ok) return certificate;
        return ok(
          new ClientCertificateCredential(
            tenantId.value,
            clientId.value,
            { certificate: certificate.value },
            // As V1 does: an application may trust the certificate's issuer alone.
            { ...authorityOptions(sources, authority), sendCertificateChain: true },
          ),
        );
      },
    }),
  );
}

function certificateOf(content: Buffer, password: string | undefined): Result<string, string> {
  try {
    return ok(clientCertificatePem(content, password));
  } catch (error) {
    return fail(
      `is neither PEM nor a PKCS #12 archive, with certificate and private key: ${messageOf(error)}`,
    );
  }
}

function inTenant({ config, tenantId }: CredentialSources): AzureConfig {
  return { ...config, ...given("tenantId", tenantId) };
}

function authorityOptions(
  sources: CredentialSources,
  authority: string,
): ReturnType<typeof connectionOptions> & { authorityHost: string; disableInstanceDiscovery: boolean } {
  return {
    ...connectionOptions(sources),
    authorityHost: authority,
    disableInstanceDiscovery: audienceOf(authority) === undefined,
  };
}

function connectionOptions({ caPem, agent }: CredentialSources): {
  httpClient: HttpClient;
  tlsOptions?: { ca: string };
  agent?: Agent;
} {
  return {
    httpClient: signInClient,
    ...(agent === undefined ? {} : { agent }),
    ...(caPem === undefined ? {} : { tlsOptions: { ca: caPem } }),
  };
}

function given<K extends keyof AzureConfig>(field: K, value: string | undefined): Partial<Record<K, string>> {
  return value === undefined || value === "" ? {} : ({ [field]: value } as Partial<Record<K, string>>);
}
