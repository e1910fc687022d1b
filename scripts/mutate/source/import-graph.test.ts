import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { createImportGraph } from "./import-graph.ts";

it("counts the imports between files without types, and hashes loaded files", async (t) => {
  const root = await mkdtemp(join(tmpdir(), "import-graph-"));
  t.after(() => rm(root, { recursive: true }));
  const files = {
    "a.ts": 'import { b } from "./b.ts";\nimport type { T } from "./types.ts";\nexport const a: T = b;\n',
    "b.ts": 'import assert from "node:assert";\nexport { c as b } from "./c.ts";\nassert.ok(true);\n',
    "c.ts": 'import { a } from "./a.ts";\nexport const c = () => a;\n',
    "types.ts": "export type T = unknown;\n",
  };
  for (const [name, source] of Object.entries(files)) await writeFile(join(root, name), source);
  assert.deepEqual(
    [...(await createImportGraph(root).distancesFrom("a.ts"))],
    [
      ["a.ts", 0],
      ["b.ts", 1],
      ["c.ts", 2],
    ],
  );
  const before = await createImportGraph(root).hashOf(["a.ts"]);
  await writeFile(join(root, "types.ts"), "export type T = string;\n");
  assert.equal(await createImportGraph(root).hashOf(["a.ts"]), before);
  await writeFile(join(root, "c.ts"), "export const c = 1;\n");
  assert.notEqual(await createImportGraph(root).hashOf(["a.ts"]), before);
});
