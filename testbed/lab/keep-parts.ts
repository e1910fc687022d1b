import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Parts } from "../parts/build-parts.ts";
import type { LabHome } from "./lab-home.ts";
import { run } from "./units/run.ts";

/** The lab's own programs and images. */
export function labParts(home: LabHome): Parts {
  return {
    bin: home.path("parts", "bin"),
    cni: home.path("parts", "cni"),
    images: home.path("parts", "images"),
  };
}

/**
 * Gives the lab its own programs and images. Those in the cache are removed when others are built, and a
 * running lab must be able to restart its programs.
 */
export async function keepParts(home: LabHome, parts: Parts): Promise<void> {
  const kept = labParts(home);
  await Promise.all([keep(parts.bin, kept.bin), keep(parts.cni, kept.cni), keep(parts.images, kept.images)]);
}

/** Uses hard links if the cache is on the same file system, since they cost nothing. */
async function keep(folder: string, kept: string): Promise<void> {
  await mkdir(kept, { recursive: true });
  const files = (await readdir(folder)).map((file) => join(folder, file));
  await run(["cp", "--archive", "--link", ...files, kept]).catch(() =>
    run(["cp", "--archive", "--force", ...files, kept]),
  );
}
