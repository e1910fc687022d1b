import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { derAt, derBytes, derElements, derNumber, derOnly } from "./der.ts";

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

  it("has a string in parts, but no parts of parts", () =>
    assert.throws(() => derBytes(derAt(hex("24 05 24 03 04 01 aa"), 0)), /nested parts/u));

  it("is one SEQUENCE and nothing else", () => {
    assert.deepEqual(derOnly(hex("30 03 02 01 09")).content, hex("02 01 09"));
    for (const other of ["", "04 01 aa", "30 00 30 00"])
      assert.throws(() => derOnly(hex(other)), { name: "Error", message: "is not one SEQUENCE" });
  });

  it("has numbers from zero to six bytes' largest", () => {
    assert.equal(derNumber(derAt(hex("02 06 7f ff ff ff ff ff"), 0)), 0x7fff_ffff_ffff);
    for (const number of ["02 00", "02 01 80", "02 07 01 00 00 00 00 00 00"])
      assert.throws(() => derNumber(derAt(hex(number), 0)), { name: "Error" });
  });

  for (const [what, text] of [
    ["a length that is cut off", "04 82 01"],
    ["a length that its end does not tell", "30 80 00 00"],
    ["a length of more than four bytes", "04 85 00 00 00 00 01 aa"],
    ["an element that ends later than the bytes", "04 05 aa"],
    ["a tag alone", "30"],
  ] as const)
    it(`is not ${what}`, () => assert.throws(() => derElements(hex(text)), { name: "Error" }));
});
