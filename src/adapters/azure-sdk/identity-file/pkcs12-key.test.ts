import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { INITIALIZATION_VECTOR, KEY_MATERIAL, pkcs12Key } from "./pkcs12-key.ts";

const salt = Buffer.from("0102030405060708", "hex");
const iterations = 2048;

describe("pkcs12Key", () => {
  // What OpenSSL 3 derives: openssl kdf -keylen 24 -kdfopt digest:SHA1 -kdfopt iter:2048 … PKCS12KDF.
  for (const [what, purpose, password, expected] of [
    ["key of an empty password", KEY_MATERIAL, "0000", "d9e86745c0eb8303bfc880579a1c7a45f2073495a0e9cd6e"],
    ["vector of an empty password", INITIALIZATION_VECTOR, "0000", "d9886193244d410d"],
    ["key of no password", KEY_MATERIAL, "", "3cdbb28c9ab3455fcc24a7052c3e328a30e7480309831a7b"],
    ["vector of no password", INITIALIZATION_VECTOR, "", "15cfa7547d5bef45"],
  ] as const)
    it(`derives the ${what} as OpenSSL does`, () =>
      assert.equal(
        pkcs12Key({
          password: Buffer.from(password, "hex"),
          salt,
          iterations,
          purpose,
          bytes: expected.length / 2,
        }).toString("hex"),
        expected,
      ));
});
