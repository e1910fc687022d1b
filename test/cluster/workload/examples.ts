import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

const FOLDER = fileURLToPath(new URL("../../../examples/", import.meta.url));

/** A manifest of `examples/`, as it is. */
export async function example(path: string): Promise<string> {
  return readFile(`${FOLDER}${path}`, "utf8");
}
