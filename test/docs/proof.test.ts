import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { describe, it } from "node:test";
import { proofPages, withTables } from "../../sim/proof-tables.ts";

describe("docs/assurance", () => {
  // `npm run sim:proof -- --seeds 0` writes them.
  for (const page of proofPages)
    it(`${page.name} has its tables as in the code`, async () => {
      const text = await readFile(new URL(`../../docs/assurance/${page.name}`, import.meta.url), "utf8");
      assert.equal(text, withTables(page, text));
    });
});
