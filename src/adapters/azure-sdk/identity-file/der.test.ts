import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { derAt, derBytes, derElements, derNumber } from "./der.ts";

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(" ", ""), "hex");

describe("DER", () => {
  it("is read as elements with short and long lengths", () => {
    const long = Buffer.concat([hex("04 82 0100"), Buffer.alloc(256, 7)]);
    const elements = derElements(Buffer.concat([hex("02 01 05"), long]));
    assert.deepEqual(
      elements.map(({ tag, content, whole }) => [tag, content.length, whole.length]),
      [
        [2, 1, 3],
        [4, 256, 260],
      ],
    );
  });

  it("leads to an element by its positions", () => {
    const nested = hex("30 08 02 01 01 30 03 02 01 09");
    assert.equal(derNumber(derAt(nested, 0, 1, 0)), 9);
    assert.throws(() => derAt(nested, 0, 2), /lacks an element/u);
  });

  it("joins the parts of a string", () => {
    assert.deepEqual(derBytes(derAt(hex("24 06 04 01 aa 04 01 bb"), 0)), hex("aa bb"));
    assert.deepEqual(derBytes(derAt(hex("04 01 aa"), 0)), hex("aa"));
  });

  for (const [what, text] of [
    ["a length that its end does not tell", "30 80 00 00"],
    ["a length of more than four bytes", "04 85 00 00 00 00 01 aa"],
    ["an element that ends later than the bytes", "04 05 aa"],
    ["a tag alone", "30"],
  ] as const)
    it(`is not ${what}`, () => assert.throws(() => derElements(hex(text))));
});
