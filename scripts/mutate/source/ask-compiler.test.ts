import assert from "node:assert/strict";
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { fileURLToPath } from "node:url";
import { refusedByCompiler } from "./ask-compiler.ts";
import { findMutants } from "./find-mutants.ts";
import { describeChange } from "./mutant.ts";

const PROJECT = fileURLToPath(new URL("../../..", import.meta.url));

it("finds mutants that do not compile, given the modules that the file imports", async (t) => {
  const root = await mkdtemp(join(tmpdir(), "ask-compiler-"));
  t.after(() => rm(root, { recursive: true }));
  await mkdir(join(root, "node_modules/@types"), { recursive: true });
  await cp(join(PROJECT, "node_modules/@types/node"), join(root, "node_modules/@types/node"), {
    recursive: true,
  });
  await cp(join(PROJECT, "node_modules/undici-types"), join(root, "node_modules/undici-types"), {
    recursive: true,
  });
  await cp(join(PROJECT, "tsconfig.json"), join(root, "tsconfig.json"));
  await writeFile(join(root, "package.json"), '{ "type": "module" }');
  await mkdir(join(root, "src/model"), { recursive: true });
  await writeFile(
    join(root, "src/model/disk.ts"),
    "export interface Disk { readonly owner?: { readonly name: string } | undefined }\n",
  );
  const source = `import type { Disk } from "./model/disk.ts";
export const ownerOf = (disk: Disk): string => disk.owner?.name ?? "none";
`;
  const mutants = findMutants("src/owner.ts", source);
  const refused = await refusedByCompiler(root, mutants, new Map([["src/owner.ts", source]]));
  assert.deepEqual(
    mutants.map((mutant) => [describeChange(mutant, source), refused.has(mutant)]),
    [
      ['disk.owner?.name ?? "none" -> disk.owner?.name', true],
      ['disk.owner?.name ?? "none" -> "none"', false],
      ["disk.owner?.name -> disk.owner.name", true],
      ['"none" -> ""', false],
    ],
  );
});
