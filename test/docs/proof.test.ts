import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { describe, it } from "node:test";
import { withTables } from "../../sim/proof-tables.ts";

describe("docs/proof.md", () => {
  it("names every fault, every fault left out and every seed that once failed: whoever trusts the proof reads what it rests on (npm run sim:proof -- --seeds 0 writes them)", async () => {
    const page = await readFile(new URL("../../docs/proof.md", import.meta.url), "utf8");
    assert.equal(page, withTables(page));
  });
});
