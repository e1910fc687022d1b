// The certificate package resolves its parts through a container that needs this polyfill first.
import "reflect-metadata";
import { generateKeyPairSync, webcrypto } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as x509 from "@peculiar/x509";

/** A certificate of the lab's authority; files `<file>.crt` and `<file>.key`. */
export interface CertificateSpec {
  readonly file: string;
  /** In the form of RFC 4514: `CN=system:node:node-a, O=system:nodes`. */
  readonly subject: string;
  readonly addresses?: readonly string[];
  readonly dnsNames?: readonly string[];
}

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const DAY_MS = 86_400_000;
/** A lab that runs longer must be restarted. */
const VALID_DAYS = 365;

/**
 * Writes a certificate authority (`ca.crt`, `ca.key`), its certificates for servers and clients, and the
 * keys of service account tokens (`sa.key`, `sa.pub`).
 */
export async function createLabPki(folder: string, specs: readonly CertificateSpec[]): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const validity = {
    notBefore: new Date(Date.now() - DAY_MS),
    notAfter: new Date(Date.now() + VALID_DAYS * DAY_MS),
  };
  const authorityKeys = await generateKeys();
  const authority = await x509.X509CertificateGenerator.createSelfSigned({
    ...validity,
    name: "CN=azuredisk-lab",
    keys: authorityKeys,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(
        x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign | x509.KeyUsageFlags.digitalSignature,
        true,
      ),
      await x509.SubjectKeyIdentifierExtension.create(authorityKeys.publicKey),
    ],
  });
  await write(folder, "ca", authority, authorityKeys);
  for (const { file, subject, addresses = [], dnsNames = [] } of specs) {
    const keys = await generateKeys();
    const names = [
      ...addresses.map((value) => ({ type: "ip", value }) as const),
      ...dnsNames.map((value) => ({ type: "dns", value }) as const),
    ];
    const certificate = await x509.X509CertificateGenerator.create({
      ...validity,
      subject,
      issuer: authority.subject,
      publicKey: keys.publicKey,
      signingKey: authorityKeys.privateKey,
      signingAlgorithm: ALGORITHM,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([
          x509.ExtendedKeyUsage.serverAuth,
          x509.ExtendedKeyUsage.clientAuth,
        ]),
        await x509.AuthorityKeyIdentifierExtension.create(authorityKeys.publicKey),
        ...(names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(names)]),
      ],
    });
    await write(folder, file, certificate, keys);
  }
  const tokens = generateKeyPairSync("ec", {
    namedCurve: "P-256",
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
  await writeFile(join(folder, "sa.key"), tokens.privateKey, { mode: 0o600 });
  await writeFile(join(folder, "sa.pub"), tokens.publicKey);
}

function generateKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
}

async function write(
  folder: string,
  file: string,
  certificate: x509.X509Certificate,
  keys: webcrypto.CryptoKeyPair,
): Promise<void> {
  const key = x509.PemConverter.encode(
    await webcrypto.subtle.exportKey("pkcs8", keys.privateKey),
    "PRIVATE KEY",
  );
  await writeFile(join(folder, `${file}.crt`), `${certificate.toString("pem")}\n`);
  await writeFile(join(folder, `${file}.key`), `${key}\n`, { mode: 0o600 });
}
