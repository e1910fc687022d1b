import assert from "node:assert/strict";
import { describe, it } from "node:test";
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
    {
      text: "\ud800",
      hex: "83d544ccc223c057d2bf80d3f2a32982c32c3c0db8e2674820da5064783fb097",
      because: "half of a surrogate pair counts as U+FFFD",
    },
  ];
  for (const { text, hex, because } of vectors) {
    it(`answers the same digest in every version: ${because}`, () => assert.equal(sha256Hex(text), hex));
  }
});
