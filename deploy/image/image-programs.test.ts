import assert from "node:assert/strict";
import { glob, readFile } from "node:fs/promises";
import { it } from "node:test";
import { fileURLToPath } from "node:url";
import { linuxFileSystemTypes } from "../../src/core/volume/device/file-system.ts";
import { DRIVER_PROGRAMS } from "./image-programs.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/**
 * A program's name in the Linux host: the program of a command, or the argument of a function that builds
 * one (`device-commands.ts`).
 */
const BEFORE_PROGRAM = [
  String.raw`\bprogram: `,
  String.raw`\bspawn\(\s*`,
  String.raw`\b(?:inspecting|mounting|unmounting)\(\s*host,\s*`,
  String.raw`\bmaking\(\s*device,\s*[\w.]+,\s*`,
];
const NAMED_PROGRAM = new RegExp(String.raw`(?:${BEFORE_PROGRAM.join("|")})"([\w.]+)"`, "gu");

// A missing program fails on a user's node; a needless one is attack surface.
it("lists exactly the programs that the Linux host runs", async () => {
  // `unshare` runs the shell, which no call names as its program.
  const found = new Set(["sh", ...linuxFileSystemTypes.map((fsType) => `mkfs.${fsType}`)]);
  for await (const path of glob("src/adapters/linux/**/*.ts", { cwd: ROOT })) {
    if (path.endsWith(".test.ts")) continue;
    for (const [, program = ""] of (await readFile(`${ROOT}/${path}`, "utf8")).matchAll(NAMED_PROGRAM))
      found.add(program);
  }
  assert.deepEqual(DRIVER_PROGRAMS, [...found].toSorted());
});
