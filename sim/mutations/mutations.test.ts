import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { drawDirected, variantOf } from "../scenario/storm/directed-storm.ts";
import { applyEdits } from "./apply-edits.ts";
import { masks } from "./masks.ts";
import { describeMutation, editsOf, mutationNamed, mutations } from "./mutations.ts";

const ROOT = new URL("../../", import.meta.url);

function sourceOf(file: string): string {
  return readFileSync(fileURLToPath(new URL(file, ROOT)), "utf8");
}

describe("the mutations", () => {
  for (const mutation of mutations) {
    it(`${mutation.name} still fits the sources that it edits, and leaves programs`, () => {
      for (const [file, edits] of Map.groupBy(editsOf(mutation), (edit) => edit.file)) {
        const mutated = applyEdits(sourceOf(file), edits);
        assert.notEqual(mutated, sourceOf(file));
        assert.doesNotThrow(() => stripTypeScriptTypes(mutated), file);
      }
    });
  }

  it("have distinct names, and existing mask names", () => {
    const names = [...mutations, ...masks].map(({ name }) => name);
    assert.deepEqual(names, [...new Set(names)]);
    const removed = mutations.flatMap(({ alsoRemoves = [] }) => alsoRemoves);
    assert.deepEqual([...new Set(removed)].sort(), masks.map(({ name }) => name).sort());
  });

  it("have storms with existing strikes, each of which strikes", () => {
    for (const { name, storm } of mutations) {
      for (const strike of Object.keys(storm.strikes))
        assert.ok(variantOf(strike).forMs[1] > 0, `${name}: ${strike}`);
      const struck = new Set(
        drawDirected(1, storm).faults.map(({ fault, variant }) => `${fault}/${variant}`),
      );
      for (const strike of Object.keys(storm.strikes)) assert.ok(struck.has(strike), `${name}: ${strike}`);
    }
  });

  it("describe what they remove, with what would mask it", () => {
    assert.equal(
      describeMutation(mutationNamed("proof")),
      "proof: a fence that Azure calls a success has to be seen in the VM's list\n" +
        "    and disk-names-owner: the disk itself must name the VM no more",
    );
    assert.throws(() => mutationNamed("none"), /there is no mutation none: cas, acquire, /);
  });
});

describe("applyEdits", () => {
  it("refuses an edit that fits nowhere, or in two places", () => {
    const edit = (
      find: string,
    ): readonly [{ readonly file: string; readonly find: string; readonly replace: string }] => [
      { file: "a.ts", find, replace: "" },
    ];
    assert.throws(() => applyEdits("one two two", edit("three")), /0 places in a.ts, not one, read: three/);
    assert.throws(() => applyEdits("one two two", edit("two")), /2 places in a.ts, not one, read: two/);
    assert.equal(applyEdits("one two two", edit("one ")), "two two");
  });
});
