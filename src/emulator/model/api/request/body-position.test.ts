import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type BodyPath, charactersBefore, pathText } from "./body-position.ts";

const TEXT = '{"name":"\\"ä\\"","list":[{"lun":0},[1,"x"],{"lun":10,"own member":null}],"last":true}';

describe("the position of a value", () => {
  const rows: readonly (readonly [path: BodyPath, text: string, before: string])[] = [
    [["name"], "name", '{"name":'],
    [["list"], "list", '{"name":"\\"ä\\"","list":'],
    [["list", 2, "lun"], "list[2].lun", '{"name":"\\"ä\\"","list":[{"lun":0},[1,"x"],{"lun":'],
    [["list", 1, 1], "list[1][1]", '{"name":"\\"ä\\"","list":[{"lun":0},[1,'],
    [["last"], "last", TEXT.slice(0, TEXT.lastIndexOf("true"))],
  ];
  for (const [path, text, before] of rows)
    it(`of ${text} counts the characters before it`, () => {
      assert.ok(TEXT.startsWith(before));
      assert.equal(charactersBefore(JSON.parse(TEXT), path), before.length);
      assert.equal(pathText(path), text);
    });

  it("counts no blanks, line breaks and members without a value", () => {
    const spaced = JSON.parse(JSON.stringify(JSON.parse(TEXT), undefined, 2));
    const before = TEXT.lastIndexOf("true");
    assert.equal(charactersBefore({ unset: undefined, ...spaced }, ["last"]), before);
  });
});
