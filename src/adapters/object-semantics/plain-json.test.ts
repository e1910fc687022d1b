import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { jsonBytesAtMost, plainJson } from "./plain-json.ts";

function throughText(value: unknown): unknown {
  const text = JSON.stringify(value) as string | undefined;
  return text === undefined ? undefined : JSON.parse(text);
}

describe("plainJson", () => {
  it("copies any value as its text would", () => {
    const anything = fc.anything({
      withDate: true,
      withMap: true,
      withNullPrototype: true,
      withObjectString: true,
      withSparseArray: true,
    });
    fc.assert(
      fc.property(anything, (value) => {
        assert.deepEqual(plainJson(value), throughText(value));
      }),
    );
  });

  it("shares nothing with the original, and leaves out undefined values", () => {
    const original = { list: [{ name: "a", gone: undefined }], when: new Date(0) };
    const copy = plainJson(original);
    original.list.push({ name: "b", gone: undefined });
    assert.deepEqual(copy, { list: [{ name: "a" }], when: "1970-01-01T00:00:00.000Z" });
  });

  it("keeps the given values, and copies the rest", () => {
    const original = { spec: { name: "a" }, status: { name: "b" } };
    const copy = plainJson(original, [original.spec]) as typeof original;
    assert.deepEqual(
      [copy, copy.spec === original.spec, copy.status === original.status],
      [original, true, false],
    );
  });
});

describe("jsonBytesAtMost", () => {
  it("is never less than what the text has", () => {
    fc.assert(
      fc.property(
        fc.jsonValue(),
        (value) => jsonBytesAtMost(value) >= Buffer.byteLength(JSON.stringify(value)),
      ),
    );
  });
});
