// The certificate package resolves its parts through a container that needs this polyfill first.
import "reflect-metadata";
import { webcrypto } from "node:crypto";
import * as x509 from "@peculiar/x509";

export interface TlsMaterial {
  /**
   * The CA that clients must trust: `NODE_EXTRA_CA_CERTS`, `tlsOptions.ca`, `REQUESTS_CA_BUNDLE`,
   * `SSL_CERT_FILE`.
   */
  readonly caPem: string;
  readonly certPem: string;
  readonly keyPem: string;
}

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const DAY_MS = 86_400_000;
/** Longer than any process runs. */
const CERTIFICATE_DAYS = 30;
/** An authority is replaced in the last month of them. */
const AUTHORITY_DAYS = 365;

/** A certificate authority and its private key. */
export interface Authority {
  /** Both in PEM, in one text, as `readAuthority` takes it. */
  readonly pem: string;
  readonly certificate: x509.X509Certificate;
  readonly privateKey: webcrypto.CryptoKey;
}

export async function createAuthority(): Promise<Authority> {
  const keys = await generateKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    ...validFor(AUTHORITY_DAYS),
    name: "CN=Azure compute emulator CA",
    keys,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  const pem = `${certificate.toString("pem")}\n${await privateKeyPem(keys)}\n`;
  return { pem, certificate, privateKey: keys.privateKey };
}

/**
 * Reads a certificate authority with its key. Undefined if what it signs now would outlive it. Rejects if the
 * text is neither.
 */
export async function readAuthority(pem: string): Promise<Authority | undefined> {
  const certificate = new x509.X509Certificate(block(pem, "CERTIFICATE"));
  const key = block(pem, "PRIVATE KEY");
  const privateKey = await webcrypto.subtle.importKey("pkcs8", key, ALGORITHM, true, ["sign"]);
  if (certificate.notAfter < validFor(CERTIFICATE_DAYS).notAfter) return undefined;
  return { pem, certificate, privateKey };
}

/** Creates a certificate for the given names, of an authority or, by default, of one made for it alone. */
export async function createTlsMaterial(
  names: readonly string[],
  authority?: Authority,
): Promise<TlsMaterial> {
  const { certificate: ca, privateKey: signingKey } = authority ?? (await createAuthority());
  const keys = await generateKeys();
  const certificate = await x509.X509CertificateGenerator.create({
    ...validFor(CERTIFICATE_DAYS),
    subject: "CN=localhost",
    issuer: ca.subject,
    publicKey: keys.publicKey,
    signingKey,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(
        names.map((value) => ({ type: isAddress(value) ? "ip" : "dns", value })),
      ),
      await x509.AuthorityKeyIdentifierExtension.create(ca.publicKey),
    ],
  });
  return {
    caPem: `${ca.toString("pem")}\n`,
    certPem: `${certificate.toString("pem")}\n`,
    keyPem: await privateKeyPem(keys),
  };
}

function validFor(days: number): { readonly notBefore: Date; readonly notAfter: Date } {
  return { notBefore: new Date(Date.now() - DAY_MS), notAfter: new Date(Date.now() + days * DAY_MS) };
}

function block(pem: string, label: string): ArrayBuffer {
  const found = x509.PemConverter.decodeWithHeaders(pem).find(({ type }) => type === label);
  if (found === undefined) throw new Error(`it has no ${label} in PEM`);
  return found.rawData;
}

function generateKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
}

async function privateKeyPem(keys: webcrypto.CryptoKeyPair): Promise<string> {
  return x509.PemConverter.encode(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey), "PRIVATE KEY");
}

function isAddress(name: string): boolean {
  return /^[\d.]+$/.test(name) || name.includes(":");
}
