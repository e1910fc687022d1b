import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { describe, it } from "node:test";
import { mutations } from "../../sim/mutations/mutations.ts";
import { withTables } from "../../sim/proof-tables.ts";

describe("docs/assurance/simulation.md", () => {
  // `npm run sim:proof -- --seeds 0` writes them.
  it("lists every fault, every omitted fault and every seed that once failed", async () => {
    const page = await readFile(new URL("../../docs/assurance/simulation.md", import.meta.url), "utf8");
    assert.equal(page, withTables(page));
  });

  it("has a row with a storm for each removable safety rule", async () => {
    const page = await readFile(new URL("../../docs/assurance/simulation.md", import.meta.url), "utf8");
    const rows = page.split("\n").filter((line) => /^\| (?:`\w+\/|variants of)/u.test(line));
    const named = rows.flatMap((row) =>
      [...(row.split("|")[2] ?? "").matchAll(/`([\w-]+)`/gu)].map(([, name = ""]) => name),
    );
    assert.deepEqual(named.toSorted(), mutations.map(({ name }) => name).toSorted());
  });
});
