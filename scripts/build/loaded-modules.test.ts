import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { it } from "node:test";
import { runCommand } from "../child/run-command.ts";
import { bundle } from "./bundle.ts";
import { loadedModules } from "./loaded-modules.ts";

const FILES = {
  "main.ts":
    'import { shared } from "./shared.ts";\n' +
    'const role = process.argv[2] === "a" ? import("./a.ts") : import("./b.ts");\n' +
    "role.then(({ run }) => console.log(run(), shared));\n",
  "shared.ts": 'export const shared = "shared";\n',
  "a.ts": 'import { shared } from "./shared.ts";\nexport const run = (): string => shared;\n',
  "b.ts": 'import { large } from "./large.ts";\nexport const run = (): string => large;\n',
  "large.ts": 'export const large = "large";\n',
};

it("separates the modules that only one role loads, and the result runs", async () => {
  const root = await mkdtemp(join(tmpdir(), "bundle-"));
  try {
    for (const [path, source] of Object.entries(FILES)) {
      await mkdir(dirname(join(root, path)), { recursive: true });
      await writeFile(join(root, path), source);
    }
    const { metafile, files } = await bundle(root, [{ entry: "main.ts", name: "program" }], "dist");
    assert.deepEqual(loadedModules(metafile, "main.ts"), ["main.ts", "shared.ts"]);
    assert.deepEqual(loadedModules(metafile, "a.ts"), ["a.ts", "shared.ts"]);
    assert.deepEqual(loadedModules(metafile, "b.ts"), ["b.ts", "large.ts"]);
    assert.ok(files.every(({ path }) => path.endsWith(".cjs")));
    for (const { path, text } of files) {
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, text);
    }
    const ran = await runCommand(process.execPath, [join(root, "dist/program.cjs"), "b"], { cwd: root });
    assert.equal(ran.output, "large shared\n");
    assert.throws(() => loadedModules(metafile, "c.ts"), /no chunk begins with c\.ts/u);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
});
