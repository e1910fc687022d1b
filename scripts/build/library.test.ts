import assert from "node:assert/strict";
import { copyFile, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { it } from "node:test";
import { fileURLToPath } from "node:url";
import { runCommand } from "../child/run-command.ts";
import { bundle, LIBRARIES } from "./bundle.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const PACKAGE = "azuredisk-csi-driver-v2";

/** The source of a package that has installed this one. */
const USER = `
import { createComputeModel, replayJournal, startEmulator } from "${PACKAGE}/emulator";
const emulator = await startEmulator({ https: false, settings: { timeScale: 0 } });
const { status } = await (await fetch(emulator.url + "/emulator/v1/health")).json();
await emulator.close();
console.log(status, typeof createComputeModel, typeof replayJournal);
`;

it("gives the emulator to other packages without our sources and dependencies", async () => {
  const folder = await mkdtemp(join(tmpdir(), "library-"));
  try {
    const installed = join(folder, "node_modules", PACKAGE);
    const { files } = await bundle(ROOT, LIBRARIES, "dist");
    for (const { path, text } of files) {
      const target = join(installed, relative(ROOT, path));
      await mkdir(dirname(target), { recursive: true });
      await writeFile(target, text);
    }
    await copyFile(join(ROOT, "package.json"), join(installed, "package.json"));
    await writeFile(join(folder, "user.mjs"), USER);
    const ran = await runCommand(process.execPath, [join(folder, "user.mjs")], { cwd: folder });
    assert.equal(ran.output, "ok function function\n");
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
