import { createDecipheriv, createPrivateKey, type KeyObject, pbkdf2Sync, X509Certificate } from "node:crypto";
import { derAt, derBytes, derElements, derNumber } from "./der.ts";

/** A private key and the certificates that come with it, in any order. */
interface KeyAndCertificates {
  readonly key: KeyObject;
  readonly certificates: readonly X509Certificate[];
}

/**
 * The certificates and the private key of a PEM text or of a PKCS #12 archive without password, as PEM with
 * the key's own certificate first. Throws for anything else; no message repeats a part of it.
 */
export function clientCertificatePem(bytes: Buffer): string {
  const text = bytes.toString("latin1");
  const { key, certificates } = text.includes("-----BEGIN ") ? readPem(text) : readPkcs12(bytes);
  const own = certificates.find((certificate) => certificate.checkPrivateKey(key));
  if (own === undefined) throw new Error("has no certificate of its private key");
  const others = certificates.filter((certificate) => certificate !== own);
  const keyPem = key.export({ type: "pkcs8", format: "pem" }).toString();
  return [...[own, ...others].map((certificate) => certificate.toString()), keyPem].join("\n");
}

function readPem(text: string): KeyAndCertificates {
  const certificates = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/gu) ?? [];
  return { key: createPrivateKey(text), certificates: certificates.map((pem) => new X509Certificate(pem)) };
}

/** Object identifiers as they are encoded (RFC 7292, RFC 8018). */
const DATA = "2a864886f70d010701";
const ENCRYPTED_DATA = "2a864886f70d010706";
const KEY_BAG = "2a864886f70d010c0a0101";
const SHROUDED_KEY_BAG = "2a864886f70d010c0a0102";
const CERTIFICATE_BAG = "2a864886f70d010c0a0103";
const PBES2 = "2a864886f70d01050d";
const CIPHERS: Readonly<Record<string, { readonly name: string; readonly keyBytes: number }>> = {
  "60864801650304012a": { name: "aes-256-cbc", keyBytes: 32 },
  "608648016503040102": { name: "aes-128-cbc", keyBytes: 16 },
};
const PSEUDORANDOM_FUNCTIONS: Readonly<Record<string, string>> = {
  "2a864886f70d0207": "sha1",
  "2a864886f70d0209": "sha256",
  "2a864886f70d020b": "sha512",
};
const NO_PASSWORD = "";
/** Ten times what browsers and OpenSSL take; more would hold up the process. */
const ITERATIONS_MAX = 1_000_000;

/**
 * Reads an archive (RFC 7292). Its checksum is not read: the key's own certificate shows that both are whole.
 */
function readPkcs12(archive: Buffer): KeyAndCertificates {
  const safes = derElements(derAt(derBytes(derAt(archive, 0, 1, 1, 0)), 0).content);
  const bags = safes.flatMap(({ content }) => derElements(derAt(safeContents(content), 0).content));
  const certificates: X509Certificate[] = [];
  let key: KeyObject | undefined;
  for (const { content } of bags) {
    const value = derAt(content, 1, 0);
    switch (derAt(content, 0).content.toString("hex")) {
      case CERTIFICATE_BAG:
        certificates.push(new X509Certificate(derBytes(derAt(value.content, 1, 0))));
        break;
      case SHROUDED_KEY_BAG:
      case KEY_BAG:
        key = createPrivateKey({ key: value.whole, format: "der", type: "pkcs8", passphrase: NO_PASSWORD });
        break;
      default:
    }
  }
  if (key === undefined) throw new Error("has no private key");
  return { key, certificates };
}

/** Of a part of the archive, which may be encrypted. */
function safeContents(contentInfo: Buffer): Buffer {
  const type = derAt(contentInfo, 0).content.toString("hex");
  const value = derAt(contentInfo, 1, 0);
  if (type === DATA) return derBytes(value);
  if (type !== ENCRYPTED_DATA) throw new Error("is encrypted for a recipient, not with a password");
  const [, algorithm, encrypted] = derElements(derAt(value.content, 1).content);
  if (algorithm === undefined || encrypted === undefined) throw new Error("lacks an element");
  return decrypted(algorithm.content, derBytes(encrypted));
}

/** By PBES2 (RFC 8018) with PBKDF2 and AES, which is what is written today. */
function decrypted(algorithm: Buffer, encrypted: Buffer): Buffer {
  const cipher = CIPHERS[derAt(algorithm, 1, 1, 0).content.toString("hex")];
  const isKnown = derAt(algorithm, 0).content.toString("hex") === PBES2;
  if (!isKnown || cipher === undefined)
    throw new Error("is encrypted with another method than PBES2 and AES");
  const iv = derAt(algorithm, 1, 1, 1).content;
  const [salt, iterations, ...optional] = derElements(derAt(algorithm, 1, 0, 1).content);
  if (salt === undefined || iterations === undefined) throw new Error("lacks an element");
  const count = derNumber(iterations);
  if (count > ITERATIONS_MAX) throw new Error(`is encrypted with more than ${ITERATIONS_MAX} iterations`);
  const last = optional.at(-1);
  const isFunction = last !== undefined && last.tag === SEQUENCE;
  const digest = isFunction ? PSEUDORANDOM_FUNCTIONS[derAt(last.content, 0).content.toString("hex")] : "sha1";
  if (digest === undefined) throw new Error("is encrypted with a pseudorandom function that is not known");
  const key = pbkdf2Sync(NO_PASSWORD, salt.content, count, cipher.keyBytes, digest);
  const decipher = createDecipheriv(cipher.name, key, iv);
  return Buffer.concat([decipher.update(encrypted), decipher.final()]);
}

const SEQUENCE = 0x30;
