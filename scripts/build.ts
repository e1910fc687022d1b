import { chmod, mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { bundle, PROGRAMS } from "./build/bundle.ts";

const OUTPUT_FOLDER = "dist";
const EXECUTABLE_MODE = 0o755;

const root = fileURLToPath(new URL("..", import.meta.url));
const { files } = await bundle(root, PROGRAMS, OUTPUT_FOLDER);
await rm(join(root, OUTPUT_FOLDER), { recursive: true, force: true });
for (const { path, text } of files.toSorted((left, right) => left.path.localeCompare(right.path))) {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
  console.log(`${relative(root, path)}  ${(text.length / 1024).toFixed(0)} KiB`);
}
for (const { name } of PROGRAMS) await chmod(join(root, OUTPUT_FOLDER, `${name}.cjs`), EXECUTABLE_MODE);
