import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { derAt, derBytes, type DerElement, derElements, derIdentifier, derOnly } from "./der.ts";
import type { KeysAndCertificates } from "./own-certificate.ts";
import { decryptedSequence } from "./password-encryption.ts";

/** Object identifiers as they are encoded (RFC 7292). */
const DATA = "2a864886f70d010701";
const ENCRYPTED_DATA = "2a864886f70d010706";
const KEY_BAG = "2a864886f70d010c0a0101";
const SHROUDED_KEY_BAG = "2a864886f70d010c0a0102";
const CERTIFICATE_BAG = "2a864886f70d010c0a0103";

/**
 * Reads an archive without password (RFC 7292). Its checksum is not read: the key's own certificate shows
 * that both are whole. Throws for anything else.
 */
export function readPkcs12(archive: Buffer): KeysAndCertificates {
  const authenticatedSafe = derAt(derOnly(archive).content, 1);
  if (derIdentifier(derAt(authenticatedSafe.content, 0)) !== DATA)
    throw new Error("is signed with a key instead of a password");
  const safes = derElements(derOnly(derBytes(derAt(authenticatedSafe.content, 1, 0))).content);
  const keys: KeyObject[] = [];
  const certificates: X509Certificate[] = [];
  for (const { content } of safes.flatMap((safe) => derElements(safeContents(safe).content))) {
    const value = derAt(content, 1, 0);
    switch (derIdentifier(derAt(content, 0))) {
      case CERTIFICATE_BAG:
        certificates.push(new X509Certificate(derBytes(derAt(value.content, 1, 0))));
        break;
      case SHROUDED_KEY_BAG:
        keys.push(keyIn(decryptedSequence(derAt(value.content, 0), derAt(value.content, 1))));
        break;
      case KEY_BAG:
        keys.push(keyIn(value));
        break;
      default:
    }
  }
  return { keys, certificates };
}

function keyIn({ whole }: DerElement): KeyObject {
  return createPrivateKey({ key: whole, format: "der", type: "pkcs8" });
}

/** Of a part of the archive, which may be encrypted. */
function safeContents({ content }: DerElement): DerElement {
  const type = derIdentifier(derAt(content, 0));
  const value = derAt(content, 1, 0);
  if (type === DATA) return derOnly(derBytes(value));
  if (type !== ENCRYPTED_DATA) throw new Error("is encrypted for a recipient, not with a password");
  return decryptedSequence(derAt(value.content, 1, 1), derAt(value.content, 1, 2));
}
