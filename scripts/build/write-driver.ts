import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { bundle, PROGRAMS } from "./bundle.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const OUTPUT_FOLDER = "dist";

/** Bundles the driver as it ships into `dist/` of a folder. Returns its program's file. */
export async function writeDriver(folder: string): Promise<string> {
  const { files } = await bundle(ROOT, PROGRAMS, OUTPUT_FOLDER);
  for (const { path, text } of files) {
    const target = join(folder, relative(ROOT, path));
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, text);
  }
  return join(folder, OUTPUT_FOLDER, "azuredisk-csi-driver.cjs");
}
