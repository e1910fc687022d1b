import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CHECKSUM_KEY, INITIALIZATION_VECTOR, KEY_MATERIAL, pkcs12Key } from "./pkcs12-key.ts";

const salt = Buffer.from("0102030405060708", "hex");
const iterations = 2048;

describe("pkcs12Key", () => {
  // What OpenSSL 3 derives: openssl kdf -keylen 24 -kdfopt digest:SHA1 -kdfopt iter:2048 … PKCS12KDF.
  for (const [what, digest, purpose, password, expected] of [
    [
      ...["key of an empty password", "sha1", KEY_MATERIAL, "0000"],
      "d9e86745c0eb8303bfc880579a1c7a45f2073495a0e9cd6e",
    ],
    ["vector of an empty password", "sha1", INITIALIZATION_VECTOR, "0000", "d9886193244d410d"],
    [...["key of no password", "sha1", KEY_MATERIAL, ""], "3cdbb28c9ab3455fcc24a7052c3e328a30e7480309831a7b"],
    ["vector of no password", "sha1", INITIALIZATION_VECTOR, "", "15cfa7547d5bef45"],
    ["checksum key by SHA-1", "sha1", CHECKSUM_KEY, "0000", "422271a0229a8e68e59672d9278fe548eb74b013"],
    [
      ...["checksum key by SHA-256, in several parts", "sha256", CHECKSUM_KEY, "0000"],
      "878f85ff6db5c92f2da873fdb0ecae4bdc9dcc3cb5faf9226d10ee23af02546a" +
        "f066b8e2965d5f3a3ccf23c5c91aa83135d3220d6fa6ca65225e491d50bef5e3" +
        "5d85dd43491b4c60f36922648c537e6e",
    ],
    [
      ...["checksum key by SHA-384", "sha384", CHECKSUM_KEY, "0000"],
      "860e5e4238d2c16de03b3b805ae57f78dbacacf4a26a4203fb0e85607d2a7d55311c1a50d48dbe46b2e5b6d49a7a774a",
    ],
    [
      ...["checksum key by SHA-512", "sha512", CHECKSUM_KEY, "0000"],
      "660cc46cd18ec3d3d8fda5a472fbcbd018482372e09004dd7038e09117dd07a9" +
        "d052314be12c278d45773b67db12b50a2bc08eadab17f7932a75e01141e8bcbb",
    ],
  ] as const)
    it(`derives the ${what} as OpenSSL does`, () =>
      assert.equal(
        pkcs12Key({
          digest,
          password: Buffer.from(password, "hex"),
          salt,
          iterations,
          purpose,
          bytes: expected.length / 2,
        }).toString("hex"),
        expected,
      ));
});
