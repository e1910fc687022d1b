import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { fileProblem } from "./file-problem.ts";

describe("fileProblem", () => {
  it("names what is no file, or not there", () => {
    assert.equal(fileProblem(tmpdir()), "expected a file");
    assert.match(fileProblem(join(tmpdir(), "none", "such")) ?? "", /^ENOENT/u);
  });

  it("takes what can be read like a file, such as a pipe", () => {
    assert.equal(fileProblem("/dev/null"), undefined);
  });
});
