import assert from "node:assert/strict";
import { glob, readFile } from "node:fs/promises";
import { it } from "node:test";
import { fileURLToPath } from "node:url";
import { fileSystemTypes } from "../../src/core/volume/file-system.ts";
import { DRIVER_PROGRAMS } from "./image-programs.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/**
 * How the Linux host names what it runs: as a command's program, or as the argument of one of its few
 * functions that make one.
 */
const NAMED_PROGRAM =
  /(?:\bprogram: |\b(?:make|spawn)\(\s*|\binspectCommand\(\s*host,\s*device,\s*)"([\w.]+)"/gu;

it("lists exactly the programs that the Linux host runs: a missing one fails on a user's node, a needless one is attack surface", async () => {
  // `unshare` runs the shell: no call names it as its program.
  const found = new Set(["sh", ...fileSystemTypes.map((fsType) => `mkfs.${fsType}`)]);
  for await (const path of glob("src/adapters/linux/**/*.ts", { cwd: ROOT })) {
    if (path.endsWith(".test.ts")) continue;
    for (const [, program = ""] of (await readFile(`${ROOT}/${path}`, "utf8")).matchAll(NAMED_PROGRAM))
      found.add(program);
  }
  assert.deepEqual(DRIVER_PROGRAMS, [...found].toSorted());
});
