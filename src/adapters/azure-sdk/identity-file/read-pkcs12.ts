import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { checkChecksum } from "./archive-checksum.ts";
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
 * Reads an archive (RFC 7292) with its password, or without one, and compares its checksum if it has one:
 * after the rest, which says more of what is wrong. Throws for anything else.
 */
export function readPkcs12(archive: Buffer, password: string): KeysAndCertificates {
  const [, authenticatedSafe, macData] = derElements(derOnly(archive).content);
  if (authenticatedSafe === undefined) throw new Error("lacks an element");
  if (derIdentifier(derAt(authenticatedSafe.content, 0)) !== DATA)
    throw new Error("is signed with a key instead of a password");
  const content = derBytes(derAt(authenticatedSafe.content, 1, 0));
  const safes = derElements(derOnly(content).content);
  const keys: KeyObject[] = [];
  const certificates: X509Certificate[] = [];
  for (const bag of safes.flatMap((safe) => derElements(safeContents(safe, password).content))) {
    const value = derAt(bag.content, 1, 0);
    switch (derIdentifier(derAt(bag.content, 0))) {
      case CERTIFICATE_BAG:
        certificates.push(new X509Certificate(derBytes(derAt(value.content, 1, 0))));
        break;
      case SHROUDED_KEY_BAG:
        keys.push(keyIn(decryptedSequence(derAt(value.content, 0), derAt(value.content, 1), password)));
        break;
      case KEY_BAG:
        keys.push(keyIn(value));
        break;
      default:
    }
  }
  if (macData !== undefined) checkChecksum(macData, content, password);
  return { keys, certificates };
}

function keyIn({ whole }: DerElement): KeyObject {
  return createPrivateKey({ key: whole, format: "der", type: "pkcs8" });
}

/** Of a part of the archive, which may be encrypted. */
function safeContents({ content }: DerElement, password: string): DerElement {
  const type = derIdentifier(derAt(content, 0));
  const value = derAt(content, 1, 0);
  if (type === DATA) return derOnly(derBytes(value));
  if (type !== ENCRYPTED_DATA) throw new Error("is encrypted for a recipient, not with a password");
  return decryptedSequence(derAt(value.content, 1, 1), derAt(value.content, 1, 2), password);
}
