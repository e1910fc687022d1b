import type { KeyObject, X509Certificate } from "node:crypto";

/** The private keys and the certificates of one file, each in any order. */
export interface KeysAndCertificates {
  readonly keys: readonly KeyObject[];
  readonly certificates: readonly X509Certificate[];
}

/** A private key, and certificates of which the first is its own. */
export interface KeyWithCertificates {
  readonly key: KeyObject;
  readonly certificates: readonly [X509Certificate, ...X509Certificate[]];
}

/**
 * Chooses the key that has a certificate, and puts its own first. Throws where no key has one, or several
 * have: the file does not say which of them Azure knows.
 */
export function withOwnCertificate({ keys, certificates }: KeysAndCertificates): KeyWithCertificates {
  const different = keys.filter((key, at) => keys.findIndex((other) => other.equals(key)) === at);
  if (different.length === 0) throw new Error("has no private key");
  const [found, ...further] = different.flatMap((key) => {
    const own = certificates.find((certificate) => certificate.checkPrivateKey(key));
    return own === undefined ? [] : [{ key, own }];
  });
  if (found === undefined) throw new Error("has no certificate of its private key");
  if (further.length > 0)
    throw new Error(
      `has ${further.length + 1} private keys with a certificate each: leave the one that Azure knows`,
    );
  const { key, own } = found;
  return { key, certificates: [own, ...certificates.filter((certificate) => certificate !== own)] };
}
