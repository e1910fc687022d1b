import { createPrivateKey, X509Certificate } from "node:crypto";
import { type KeysAndCertificates, withOwnCertificate } from "./own-certificate.ts";
import { readPkcs12 } from "./read-pkcs12.ts";

/**
 * The certificates and the private key of a PEM text or of a PKCS #12 archive, with a password or without, as
 * PEM with the key's own certificate first. Other private keys, which have no certificate there, are left
 * out. Throws for anything else; no message repeats a part of it.
 */
export function clientCertificatePem(bytes: Buffer, password = ""): string {
  const text = bytes.toString("latin1");
  const { key, certificates } = withOwnCertificate(
    text.includes("-----BEGIN ") ? readPem(text, password) : readPkcs12(bytes, password),
  );
  const keyPem = key.export({ type: "pkcs8", format: "pem" }).toString();
  return [...certificates.map((certificate) => certificate.toString()), keyPem].join("\n");
}

function readPem(text: string, passphrase: string): KeysAndCertificates {
  const certificates = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/gu) ?? [];
  // The headers of an encrypted key have hyphens.
  const keys = text.match(/-----BEGIN [A-Z ]*PRIVATE KEY-----[^]*?-----END [A-Z ]*PRIVATE KEY-----/gu) ?? [];
  return {
    keys: keys.map((key) => createPrivateKey({ key, passphrase })),
    certificates: certificates.map((pem) => new X509Certificate(pem)),
  };
}
