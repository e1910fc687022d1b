import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, it } from "node:test";
import fc from "fast-check";
import { sha256Hex } from "./sha256.ts";

describe("sha256Hex", () => {
  const vectors = [
    {
      text: "",
      hex: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
      because: "the empty message",
    },
    {
      text: "abc",
      hex: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
      because: "one block",
    },
    {
      text: "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      hex: "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
      because: "the length does not fit into the first block",
    },
  ];
  for (const { text, hex, because } of vectors) {
    it(`answers the published digest: ${because}`, () => assert.equal(sha256Hex(text), hex));
  }

  it("agrees with OpenSSL on any text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 200 }), (text) => {
        assert.equal(sha256Hex(text), createHash("sha256").update(text, "utf8").digest("hex"));
      }),
    );
  });
});
