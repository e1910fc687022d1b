import { mkdir, rm, writeFile } from "node:fs/promises";
import { runCommand } from "../../scripts/child/run-command.ts";
import type { TarEntry } from "./tar-entry.ts";
import { tarChunks } from "./write-tar.ts";

/** Unpacks layers into a new folder as a container runtime would. */
export async function unpackLayers(layers: readonly (readonly TarEntry[])[], folder: string): Promise<void> {
  await mkdir(folder);
  const archive = `${folder}.layer.tar`;
  try {
    for (const layer of layers) {
      await writeFile(archive, tarChunks(layer));
      const { code, output } = await runCommand(
        "tar",
        ["--extract", "--same-permissions", "--file", archive, "--directory", folder],
        { cwd: "/" },
      );
      if (code !== 0) throw new Error(`tar could not unpack ${archive}: ${output}`);
    }
  } finally {
    await rm(archive, { force: true });
  }
}
