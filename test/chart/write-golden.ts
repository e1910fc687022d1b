import { mkdir, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { goldenFiles } from "./golden.ts";

for (const { path, content } of await goldenFiles()) {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
  console.log(`written: ${path}`);
}
