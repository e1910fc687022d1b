import { mkdir, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { runProgram } from "../../scripts/run-program.ts";
import { goldenFiles } from "./golden.ts";

const USAGE = `npm run golden

Writes the chart's renderings and the list of rights with which tests compare it.`;

async function main(): Promise<number> {
  for (const { path, content } of await goldenFiles()) {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content);
    console.log(`written: ${path}`);
  }
  return 0;
}

await runProgram({ name: "npm run golden", usage: USAGE, options: {} }, main);
