import {
  ClientCertificateCredential,
  type ClientCertificateCredentialOptions,
  type TokenCredential,
} from "@azure/identity";
import { messageOf } from "../../../core/failure/message-of.ts";
import { fail, ok, type Result } from "../../../core/failure/result.ts";
import { isRecord } from "../../../core/primitives/is-record.ts";
import { parseJson } from "../../../core/primitives/parse-json.ts";
import type { Clock } from "../../../ports/clock.ts";
import type { SettingsReports } from "../current-credential.ts";
import { clientCertificatePem } from "./client-certificate.ts";
import { createFileCredential } from "./file-credential.ts";

/** What the file must have, with the names of the managed identity service's data plane. */
const FIELDS = ["client_id", "tenant_id", "client_secret", "authentication_endpoint"] as const;

type Identity = Readonly<Record<(typeof FIELDS)[number], string>>;

type ConnectionOptions = Omit<ClientCertificateCredentialOptions, "authorityHost">;

/**
 * Signs in as the user-assigned identity of a file that the managed identity service's data plane has
 * issued (`aadMSIDataPlaneIdentityPath`): with its certificate, at its own authority. No message repeats a
 * value of the file. Fails as `createFileCredential` does.
 */
export function createDataPlaneIdentity(
  path: string,
  options: ConnectionOptions,
  reports: SettingsReports & { readonly clock: Clock },
): TokenCredential {
  return createFileCredential({
    ...reports,
    field: "aadMSIDataPlaneIdentityPath",
    path,
    create: (content) => credentialOf(content.toString("utf8"), options),
  });
}

function credentialOf(text: string, options: ConnectionOptions): Result<TokenCredential, string> {
  const identity = identityIn(text);
  if (!identity.ok) return identity;
  const { tenant_id: tenantId, client_id: clientId, authentication_endpoint: authorityHost } = identity.value;
  const certificate = certificateOf(identity.value.client_secret);
  if (!certificate.ok) return certificate;
  return ok(
    new ClientCertificateCredential(
      tenantId,
      clientId,
      { certificate: certificate.value },
      {
        ...options,
        authorityHost,
        // The service's own client for Go does the same: the certificate is trusted by its issuer, and
        // regional authorities are not known to Entra's discovery.
        sendCertificateChain: true,
        disableInstanceDiscovery: true,
      },
    ),
  );
}

function identityIn(text: string): Result<Identity, string> {
  const parsed = parseJson(text);
  if (!isRecord(parsed)) return fail("is no JSON object");
  const missing = FIELDS.filter((field) => typeof parsed[field] !== "string" || parsed[field] === "");
  if (missing.length > 0) return fail(`has no ${missing.join(", ")}`);
  if (!/^https:\/\//iu.test(String(parsed["authentication_endpoint"])))
    return fail("has an authentication_endpoint that is no https:// address");
  return ok(parsed as Identity);
}

function certificateOf(secret: string): Result<string, string> {
  try {
    return ok(clientCertificatePem(Buffer.from(secret, "base64")));
  } catch (error) {
    return fail(
      "has a client_secret that is no base64 of a PKCS #12 archive without password, or of a PEM text, " +
        `with certificate and private key: ${messageOf(error)}`,
    );
  }
}
