import { chmod, mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { bundle, LIBRARIES, PROGRAMS } from "./build/bundle.ts";
import { runProgram } from "./run-program.ts";

const USAGE = `npm run build

Bundles the programs and the emulator's library into dist/.`;
const OUTPUT_FOLDER = "dist";
const EXECUTABLE_MODE = 0o755;

async function main(): Promise<number> {
  const root = fileURLToPath(new URL("..", import.meta.url));
  // Bundled separately, so that the needs of one do not change the chunks of the other.
  const built = await Promise.all(
    [PROGRAMS, LIBRARIES].map((programs) => bundle(root, programs, OUTPUT_FOLDER)),
  );
  const files = built.flatMap((each) => each.files);
  await rm(join(root, OUTPUT_FOLDER), { recursive: true, force: true });
  for (const { path, text } of files.toSorted((left, right) => left.path.localeCompare(right.path))) {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
    console.log(`${relative(root, path)}  ${(text.length / 1024).toFixed(0)} KiB`);
  }
  for (const { name } of PROGRAMS) await chmod(join(root, OUTPUT_FOLDER, `${name}.cjs`), EXECUTABLE_MODE);
  return 0;
}

await runProgram({ name: "npm run build", usage: USAGE, options: {} }, main);
