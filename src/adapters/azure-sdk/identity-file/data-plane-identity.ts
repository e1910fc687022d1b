import { readFile } from "node:fs/promises";
import {
  ClientCertificateCredential,
  type ClientCertificateCredentialOptions,
  CredentialUnavailableError,
  type TokenCredential,
} from "@azure/identity";
import { parseJson } from "../../../core/primitives/parse-json.ts";
import { clientCertificatePem } from "./client-certificate.ts";

/** What the file must have, with the names of the managed identity service's data plane. */
const FIELDS = ["client_id", "tenant_id", "client_secret", "authentication_endpoint"] as const;

type Identity = Readonly<Record<(typeof FIELDS)[number], string>>;

/**
 * Signs in as the user-assigned identity of a file that the managed identity service's data plane has
 * issued (`aadMSIDataPlaneIdentityPath`): with its certificate, at its own authority. The file is read at
 * each sign-in, so a renewed one needs no restart. Fails with `CredentialUnavailableError` for a file that
 * can't be used; no message repeats a value of it.
 */
export function createDataPlaneIdentity(
  path: string,
  options: Omit<ClientCertificateCredentialOptions, "authorityHost">,
): TokenCredential {
  let present: { readonly text: string; readonly credential: TokenCredential } | undefined;
  return {
    getToken: async (scopes, tokenOptions) => {
      const text = await readText(path);
      // A new credential would forget its tokens.
      if (present?.text !== text) present = { text, credential: credentialOf(path, text, options) };
      return present.credential.getToken(scopes, tokenOptions);
    },
  };
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw unavailable(path, "can't be read", error);
  }
}

function credentialOf(
  path: string,
  text: string,
  options: Omit<ClientCertificateCredentialOptions, "authorityHost">,
): TokenCredential {
  const identity = identityIn(path, text);
  return new ClientCertificateCredential(
    identity.tenant_id,
    identity.client_id,
    { certificate: certificateOf(path, identity.client_secret) },
    {
      ...options,
      authorityHost: identity.authentication_endpoint,
      // The service's own client for Go does the same: the certificate is trusted by its issuer, and regional
      // authorities are not known to Entra's discovery.
      sendCertificateChain: true,
      disableInstanceDiscovery: true,
    },
  );
}

function identityIn(path: string, text: string): Identity {
  const parsed = parseJson(text);
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed))
    throw unavailable(path, "is no JSON object");
  const members = parsed as Readonly<Record<string, unknown>>;
  const missing = FIELDS.filter((field) => typeof members[field] !== "string" || members[field] === "");
  if (missing.length > 0) throw unavailable(path, `has no ${missing.join(", ")}`);
  if (!/^https:\/\//iu.test(String(members["authentication_endpoint"])))
    throw unavailable(path, "has an authentication_endpoint that is no https:// address");
  return members as Identity;
}

function certificateOf(path: string, secret: string): string {
  try {
    return clientCertificatePem(Buffer.from(secret, "base64"));
  } catch (error) {
    throw unavailable(
      path,
      "has a client_secret that is no base64 of a PKCS #12 archive without password, or of a PEM text, " +
        "with certificate and private key",
      error,
    );
  }
}

function unavailable(path: string, problem: string, cause?: unknown): CredentialUnavailableError {
  const reason = cause instanceof Error ? `: ${cause.message}` : "";
  return new CredentialUnavailableError(
    `aadMSIDataPlaneIdentityPath in azure.json: the file ${path} ${problem}${reason}`,
    { cause },
  );
}
