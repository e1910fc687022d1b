import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readNodes } from "./node-kinds.ts";

describe("the nodes of a lab, as --nodes gives them", () => {
  it("are VMs of their own, by number, or a list of kinds", () => {
    assert.deepEqual(
      [readNodes("2"), readNodes("uniform,flex,vm,avset"), readNodes("vm")],
      [{ kinds: ["vm", "vm"] }, { kinds: ["uniform", "flex", "vm", "avset"] }, { kinds: ["vm"] }],
    );
  });

  const allowed = /^expected a whole number from 1 to 8, or a list, by comma, of uniform, flex, vm, avset$/u;
  for (const [text, problem] of [
    ["0", allowed],
    ["9", allowed],
    ["2.5", allowed],
    ["", allowed],
    ["vm,", allowed],
    ["uniform,3", allowed],
    ["vm,vm,vm,vm,vm,vm,vm,vm,vm", allowed],
    ["uniform,unifrom", /of uniform, flex, vm, avset; did you mean uniform\?$/u],
  ] as const) {
    it(`are refused with what is allowed: ${JSON.stringify(text)}`, () => {
      const read = readNodes(text);
      assert.match("problem" in read ? read.problem : "", problem);
    });
  }
});
