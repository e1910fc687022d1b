import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { hashName, nameAt, NameMemory, placeOfName, scanNodeNames } from "./node-names.ts";

/**
 * Some of each kind of byte: names', others', at the borders of what is looked for, and of more than one
 * byte.
 */
const characters = fc.constantFrom(...Array.from("abz09-._#$~!\u007fé€😀"));

function scanned(text: string): readonly string[] | undefined {
  const names = scanNodeNames(Buffer.from(text));
  return names === undefined ? undefined : Array.from({ length: names.count }, (_, at) => nameAt(names, at));
}

describe("scanNodeNames", () => {
  it("finds each name as JSON would, of any length, and its hash", () => {
    const name = fc.string({ unit: characters, maxLength: 40 }).filter((text) => !text.includes("!"));
    fc.assert(
      fc.property(fc.array(name, { maxLength: 50 }), (nodeNames) => {
        const names = scanNodeNames(Buffer.from(JSON.stringify(nodeNames).slice(1, -1)));
        assert.ok(names !== undefined);
        assert.deepEqual(
          nodeNames.map((_, at) => [nameAt(names, at), names.hashes[at]]),
          nodeNames.map((text) => [text, hashName(Buffer.from(text))]),
        );
        assert.equal(names.count, nodeNames.length);
      }),
    );
  });

  it("finds the place of a name, among names that are like it", () => {
    const names = scanNodeNames(Buffer.from('"node-a","node-ab","node-é","b"'));
    assert.ok(names !== undefined);
    assert.deepEqual(
      ["node-a", "node-ab", "node-é", "b", "node", ""].map((name) => placeOfName(names, name)),
      [0, 1, 2, 3, -1, -1],
    );
  });

  it("reads one list after another in the same memory, short ones after long ones", () => {
    const memory = new NameMemory();
    for (const count of [3, 1_000, 0, 2]) {
      const nodeNames = Array.from({ length: count }, (_, at) => `n${at}`);
      const names = scanNodeNames(Buffer.from(JSON.stringify(nodeNames).slice(1, -1)), memory);
      assert.ok(names !== undefined);
      assert.deepEqual(
        Array.from({ length: names.count }, (_, at) => nameAt(names, at)),
        nodeNames,
      );
    }
  });

  it("reads names at any place of a larger buffer", () => {
    const body = Buffer.from('xyz"node-a","node-b"]}');
    const names = scanNodeNames(body.subarray(3, -2));
    assert.deepEqual(names === undefined ? [] : [nameAt(names, 0), nameAt(names, 1)], ["node-a", "node-b"]);
  });

  it("leaves everything but plain names to a full reading", () => {
    for (const text of [
      '"a',
      'a"',
      '"a""b"',
      '"a",',
      ',"a"',
      '"a","',
      '"a" ,"b"',
      '"a", "b"',
      '"a",,"b"',
      '"a\\"b"',
      '"a\\u0041"',
      '"a b"',
      '"a\nb"',
      "1",
      '"a",1',
      "null",
    ])
      assert.equal(scanned(text), undefined, text);
    assert.deepEqual(scanned(""), []);
    assert.deepEqual(scanned('""'), [""]);
  });

  it("accepts as names only what JSON does", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...Array.from('a",, \\\u0001é')) }), (text) => {
        const names = scanned(text);
        if (names !== undefined) assert.deepEqual(names, JSON.parse(`[${text}]`));
      }),
    );
  });
});
