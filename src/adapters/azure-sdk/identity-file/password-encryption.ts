import { createDecipheriv, pbkdf2Sync } from "node:crypto";
import {
  derAt,
  derBytes,
  type DerElement,
  derElements,
  derIdentifier,
  derNumber,
  derOnly,
  SEQUENCE,
} from "./der.ts";
import { INITIALIZATION_VECTOR, KEY_MATERIAL, pkcs12Key } from "./pkcs12-key.ts";

/** Object identifiers as they are encoded (RFC 7292, RFC 8018). */
const PBES2 = "2a864886f70d01050d";
const PBKDF2 = "2a864886f70d01050c";
const PBE_SHA1_3DES = "2a864886f70d010c0103";
const PBE_SHA1_RC2_40 = "2a864886f70d010c0106";
const CIPHERS: Readonly<Record<string, { readonly name: string; readonly keyBytes: number }>> = {
  "60864801650304012a": { name: "aes-256-cbc", keyBytes: 32 },
  "608648016503040116": { name: "aes-192-cbc", keyBytes: 24 },
  "608648016503040102": { name: "aes-128-cbc", keyBytes: 16 },
  "2a864886f70d0307": { name: "des-ede3-cbc", keyBytes: 24 },
};
/** Of PBKDF2, and of the checksum by PBMAC1. */
export const HMACS: Readonly<Record<string, string>> = {
  "2a864886f70d0207": "sha1",
  "2a864886f70d0209": "sha256",
  "2a864886f70d020a": "sha384",
  "2a864886f70d020b": "sha512",
};

/** Ten times what browsers and OpenSSL take; more would hold up the process. */
const PBKDF2_ITERATIONS_MAX = 1_000_000;
/** Fifty times what OpenSSL takes: a third of a second for each part of an archive. */
const PKCS12_ITERATIONS_MAX = 100_000;

/** How RFC 7292 writes a password, and how some programs write an empty one. */
export function pkcs12Passwords(password: string): readonly Buffer[] {
  const terminated = Buffer.from(`${password}\0`, "utf16le").swap16();
  return password === "" ? [terminated, Buffer.alloc(0)] : [terminated];
}

/** Of a PKCS #12 archive that this driver does not read, what to do about it. */
export const CONVERT = "convert it to PEM: openssl pkcs12 -legacy -nodes -in <archive> -out <file>.pem";

/** Why a password does not open an archive, before what shows that. */
export function misfitOf(password: string): string {
  return `has ${password === "" ? "a" : "another"} password, or is damaged`;
}

/**
 * Decrypts what is encrypted with a password, by PBES2 (RFC 8018) or PBE-SHA1-3DES (RFC 7292), and
 * returns the one SEQUENCE that it is: this shows that the password is right. Throws for any other method,
 * with the command that converts the archive, and for more iterations than are worth their time.
 */
export function decryptedSequence(
  algorithm: DerElement,
  encrypted: DerElement,
  password: string,
): DerElement {
  const [method, parameters] = derElements(algorithm.content);
  const bytes = derBytes(encrypted);
  if (method === undefined || parameters === undefined)
    throw new Error("is encrypted with a method without parameters");
  switch (derIdentifier(method)) {
    case PBES2:
      return byPbes2(parameters.content, bytes, password);
    case PBE_SHA1_3DES:
      return byPkcs12(parameters.content, bytes, password);
    case PBE_SHA1_RC2_40:
      throw new Error(`is encrypted with PBE-SHA1-RC2-40, which any computer breaks; ${CONVERT}`);
    default:
      throw new Error(`is encrypted with another method than PBES2 and PBE-SHA1-3DES; ${CONVERT}`);
  }
}

function byPbes2(parameters: Buffer, encrypted: Buffer, password: string): DerElement {
  const cipher = CIPHERS[derIdentifier(derAt(parameters, 1, 0))];
  if (cipher === undefined) throw new Error(`is encrypted with another cipher than AES and 3DES; ${CONVERT}`);
  const iv = derAt(parameters, 1, 1).content;
  const key = pbkdf2Key(derAt(parameters, 0), cipher.keyBytes, password);
  const sequence = sequenceOf(cipher.name, { key, iv, encrypted });
  if (sequence === undefined) throw undecrypted(password);
  return sequence;
}

/** Derives a key from a password by PBKDF2 (RFC 8018). Throws as `decryptedSequence` does. */
export function pbkdf2Key({ content }: DerElement, bytes: number, password: string): Buffer {
  if (derIdentifier(derAt(content, 0)) !== PBKDF2)
    throw new Error(`has a key that is not derived by PBKDF2; ${CONVERT}`);
  const derivation = derAt(content, 1).content;
  const salt = derAt(derivation, 0).content;
  const count = iterationsOf(derAt(derivation, 1), PBKDF2_ITERATIONS_MAX);
  const last = derElements(derivation).at(-1);
  const isFunction = last !== undefined && last.tag === SEQUENCE;
  const digest = isFunction ? HMACS[derIdentifier(derAt(last.content, 0))] : "sha1";
  if (digest === undefined)
    throw new Error(`has a key by a pseudorandom function that is not known; ${CONVERT}`);
  return pbkdf2Sync(password, salt, count, bytes, digest);
}

function byPkcs12(parameters: Buffer, encrypted: Buffer, stated: string): DerElement {
  const salt = derAt(parameters, 0).content;
  const iterations = iterationsOf(derAt(parameters, 1), PKCS12_ITERATIONS_MAX);
  for (const password of pkcs12Passwords(stated)) {
    const from = { digest: "sha1", password, salt, iterations } as const;
    const key = pkcs12Key({ ...from, purpose: KEY_MATERIAL, bytes: 24 });
    const iv = pkcs12Key({ ...from, purpose: INITIALIZATION_VECTOR, bytes: 8 });
    const sequence = sequenceOf("des-ede3-cbc", { key, iv, encrypted });
    if (sequence !== undefined) return sequence;
  }
  throw undecrypted(stated);
}

function undecrypted(password: string): Error {
  const how = password === "" ? "without password" : "with the given one";
  return new Error(`${misfitOf(password)}: it can't be decrypted ${how}; ${CONVERT}`);
}

/** Undefined for a wrong key: its text has no valid end, or is not exactly one SEQUENCE. */
function sequenceOf(
  cipher: string,
  { key, iv, encrypted }: { readonly key: Buffer; readonly iv: Buffer; readonly encrypted: Buffer },
): DerElement | undefined {
  try {
    const decipher = createDecipheriv(cipher, key, iv);
    return derOnly(Buffer.concat([decipher.update(encrypted), decipher.final()]));
  } catch {
    return undefined;
  }
}

/** Throws for more iterations than are worth their time. */
export function iterationsOf(element: DerElement, max: number): number {
  const count = derNumber(element);
  if (count < 1 || count > max)
    throw new Error(`derives a key with ${count} iterations, not 1 to ${max}; ${CONVERT}`);
  return count;
}
