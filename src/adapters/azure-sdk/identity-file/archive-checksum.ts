import { createHmac } from "node:crypto";
import { derAt, derBytes, type DerElement, derElements, derIdentifier, derNumber } from "./der.ts";
import { CONVERT, HMACS, iterationsOf, misfitOf, pbkdf2Key, pkcs12Passwords } from "./password-encryption.ts";
import { CHECKSUM_KEY, type Pkcs12Digest, pkcs12Key } from "./pkcs12-key.ts";

/** Object identifiers as they are encoded (RFC 7292, RFC 9579). */
const PBMAC1 = "2a864886f70d01050e";
const DIGESTS: Readonly<Record<string, Pkcs12Digest>> = {
  "2b0e03021a": "sha1",
  "608648016503040201": "sha256",
  "608648016503040202": "sha384",
  "608648016503040203": "sha512",
};

/** As of PBKDF2, since OpenSSL takes one number for both. So many take two seconds for each password. */
const ITERATIONS_MAX = 1_000_000;
/** That of SHA-512. */
const KEY_BYTES_MAX = 64;

/**
 * Compares the checksum of an archive (MacData) with its content. Throws where it does not fit the
 * password, and for a method other than that of RFC 7292 with SHA-1 or SHA-2, and PBMAC1 (RFC 9579).
 */
export function checkChecksum({ content: macData }: DerElement, content: Buffer, password: string): void {
  const stated = derBytes(derAt(macData, 0, 1)).toString("hex");
  const fits = keysOf(macData, password).some(
    ({ digest, key }) => createHmac(digest, key).update(content).digest("hex") === stated,
  );
  if (!fits) throw new Error(`${misfitOf(password)}: its checksum does not fit; ${CONVERT}`);
}

/** The keys that a password may stand for. */
function keysOf(
  macData: Buffer,
  stated: string,
): readonly { readonly digest: string; readonly key: Buffer }[] {
  const algorithm = derAt(macData, 0, 0).content;
  if (derIdentifier(derAt(algorithm, 0)) === PBMAC1) return [pbmac1Key(derAt(algorithm, 1).content, stated)];
  const digest = DIGESTS[derIdentifier(derAt(algorithm, 0))];
  if (digest === undefined) throw new Error(`has a checksum by a method that is not known; ${CONVERT}`);
  const [, salt, count] = derElements(macData);
  const from = {
    digest,
    salt: salt === undefined ? Buffer.alloc(0) : derBytes(salt),
    iterations: count === undefined ? 1 : iterationsOf(count, ITERATIONS_MAX),
    purpose: CHECKSUM_KEY,
    bytes: createHmac(digest, "").digest().length,
  } as const;
  return pkcs12Passwords(stated).map((password) => ({ digest, key: pkcs12Key({ ...from, password }) }));
}

function pbmac1Key(parameters: Buffer, password: string): { readonly digest: string; readonly key: Buffer } {
  const digest = HMACS[derIdentifier(derAt(parameters, 1, 0))];
  const bytes = derNumber(derAt(parameters, 0, 1, 2));
  if (digest === undefined || bytes < 1 || bytes > KEY_BYTES_MAX)
    throw new Error(`has a checksum by a method that is not known; ${CONVERT}`);
  return { digest, key: pbkdf2Key(derAt(parameters, 0), bytes, password) };
}
