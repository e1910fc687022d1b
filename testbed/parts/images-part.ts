import { glob, readFile, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { writeOciImage } from "../../deploy/image/oci-archive.ts";
import type { TarEntry } from "../../deploy/image/tar-entry.ts";
import { runCommand } from "../../scripts/child/run-command.ts";
import { hashInputs } from "../build/hash-inputs.ts";
import type { Part } from "../build/part.ts";
import type { KubernetesModule } from "./kubernetes-module.ts";
import { labImages } from "./lab-images.ts";

/** The code that decides what is in the images and how they are written. */
const SOURCES = fileURLToPath(new URL("../..", import.meta.url));
const SOURCE_FILES = [
  "deploy/image/{blob-archive,oci-archive,tar-header,write-tar}.ts",
  "testbed/parts/{lab-images,images-part}.ts",
];
const EXECUTABLE_MODE = 0o755;
const BUSYBOX = "busybox";

/**
 * The lab's images as a part, one OCI archive each. `built` are the folders of the parts they are made of;
 * their keys are the folders' names.
 */
export async function imagesPart(
  module: KubernetesModule,
  built: { readonly kubernetes: string; readonly debian: string },
): Promise<Part> {
  const programFile = (name: string): string =>
    name === BUSYBOX ? join(built.debian, "bin/busybox") : join(built.kubernetes, name);
  return {
    name: "images",
    key: hashInputs({ ...built, ...(await readSources()) }),
    async build(target, tell, signal) {
      const names = [BUSYBOX, ...module.programs.map(({ name }) => name)];
      const sizes = new Map(
        await Promise.all(names.map(async (name) => [name, (await stat(programFile(name))).size] as const)),
      );
      const program = (name: string, path: string): TarEntry => ({
        kind: "File",
        path,
        mode: EXECUTABLE_MODE,
        content: { kind: "Disk", path: programFile(name), sizeBytes: sizes.get(name) ?? 0 },
      });
      const images = labImages({
        architecture: process.arch === "arm64" ? "arm64" : "amd64",
        kubernetesVersion: module.version,
        sidecars: module.sidecars,
        program,
        busyboxCommands: await commandsOf(programFile(BUSYBOX)),
      });
      for (const { file, ...image } of images) {
        signal.throwIfAborted();
        tell(`writing ${file}`);
        await writeOciImage(image, join(target, file));
      }
    },
  };
}

async function commandsOf(busybox: string): Promise<readonly string[]> {
  const { code, output } = await runCommand(busybox, ["--list"], { cwd: "/" });
  if (code !== 0) throw new Error(`${basename(busybox)} --list failed: ${output}`);
  return output.trim().split("\n").toSorted();
}

async function readSources(): Promise<Readonly<Record<string, string>>> {
  const paths: string[] = [];
  for await (const path of glob(SOURCE_FILES, { cwd: SOURCES })) paths.push(path);
  return Object.fromEntries(
    await Promise.all(
      paths.toSorted().map(async (path) => [path, await readFile(join(SOURCES, path), "utf8")] as const),
    ),
  );
}
