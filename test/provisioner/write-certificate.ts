// The certificate package resolves its parts through a container that needs this polyfill first.
import "reflect-metadata";
import { webcrypto } from "node:crypto";
import { writeFile } from "node:fs/promises";
import * as x509 from "@peculiar/x509";

/** Writes a new self-signed certificate of a client with its key in PEM, and returns the certificate. */
export async function writeCertificate(path: string): Promise<x509.X509Certificate> {
  const keys = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256", modulusLength: 2048 } as const;
  const pair = await webcrypto.subtle.generateKey(
    { ...keys, publicExponent: new Uint8Array([1, 0, 1]) },
    true,
    ["sign", "verify"],
  );
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    keys: pair,
    name: "CN=driver",
  });
  const key = await webcrypto.subtle.exportKey("pkcs8", pair.privateKey);
  await writeFile(path, `${certificate.toString("pem")}\n${x509.PemConverter.encode(key, "PRIVATE KEY")}\n`);
  return certificate;
}
