import assert from "node:assert/strict";
import { it } from "node:test";
import { hashInputs } from "./hash-inputs.ts";

it("a cache key changes with every input's name and content, and nothing else", () => {
  const inputs = [
    {},
    { a: "" },
    { a: "b" },
    { a: "", b: "" },
    { b: "", a: "" },
    { a: 'b\n"c" 0\n' },
    { a: "b", c: "" },
  ];
  const keys = inputs.map((input) => hashInputs(input));
  assert.equal(new Set(keys).size, inputs.length);
  assert.equal(hashInputs({ a: "b" }), hashInputs({ a: Buffer.from("b") }));
  for (const key of keys) assert.match(key, /^[0-9a-f]{16}$/u);
});
