import { chmod, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { bundle, PROGRAMS } from "./build/bundle.ts";

const OUTPUT_FOLDER = "dist";
const EXECUTABLE_MODE = 0o755;

const root = fileURLToPath(new URL("..", import.meta.url));
await rm(join(root, OUTPUT_FOLDER), { recursive: true, force: true });
const { metafile } = await bundle(root, PROGRAMS, { outdir: OUTPUT_FOLDER, write: true });
for (const { name } of PROGRAMS) await chmod(join(root, OUTPUT_FOLDER, `${name}.mjs`), EXECUTABLE_MODE);
for (const [path, { bytes }] of Object.entries(metafile.outputs).toSorted(([left], [right]) => left.localeCompare(right))) {
  if (path.endsWith(".mjs")) console.log(`${path}  ${(bytes / 1024).toFixed(0)} KiB`);
}
