import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseMountinfo } from "../../../core/node/parse-mountinfo.ts";
import type { MountinfoEntry } from "../../../core/node/parse-mountinfo.ts";

/**
 * Reads of mountinfo before giving up on two equal ones: concurrent mounts and unmounts make the kernel
 * leave out others.
 */
const readsMax = 5;

export async function readMountinfo(procRoot: string): Promise<readonly MountinfoEntry[]> {
  const path = join(procRoot, "self/mountinfo");
  let text = await readFile(path, "utf8");
  for (let reads = 1; reads < readsMax; reads += 1) {
    const again = await readFile(path, "utf8");
    if (again === text) break;
    text = again;
  }
  return parseMountinfo(text);
}
