import { glob, readFile, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { writeOciImage } from "../../deploy/image/oci-archive.ts";
import type { TarEntry } from "../../deploy/image/tar-entry.ts";
import { runCommand } from "../../scripts/child/run-command.ts";
import { hashInputs } from "../build/hash-inputs.ts";
import type { Part } from "../build/part.ts";
import type { ImageContents, LabImage } from "./lab-images.ts";

/** The code that decides what is in the images and how they are written. */
const SOURCES = fileURLToPath(new URL("../..", import.meta.url));
const SOURCE_FILES = [
  "deploy/image/{blob-archive,oci-archive,tar-header,write-tar}.ts",
  "testbed/parts/{lab-images,storage-spec-images,images-part}.ts",
];
const EXECUTABLE_MODE = 0o755;

interface ImagesPartOptions {
  readonly name: string;
  /** The folders of the parts that the images are made of, by name: their paths are their keys. */
  readonly built: Readonly<Record<string, string>> & { readonly debian: string };
  /** Files that images contain, by name. busybox is always one of them. */
  readonly programs: Readonly<Record<string, string>>;
  readonly images: (contents: ImageContents) => Promise<readonly LabImage[]> | readonly LabImage[];
}

/** Images as a part, one OCI archive each. */
export async function imagesPart({ name, built, programs, images }: ImagesPartOptions): Promise<Part> {
  const busybox = join(built.debian, "bin/busybox");
  const files: Readonly<Record<string, string>> = { ...programs, busybox };
  return {
    name,
    key: hashInputs({ ...built, ...(await readSources()) }),
    async build(target, tell, signal) {
      const sizes = new Map(
        await Promise.all(Object.values(files).map(async (file) => [file, (await stat(file)).size] as const)),
      );
      const program = (called: string, path: string): TarEntry => {
        const file = files[called];
        if (file === undefined) throw new Error(`${name}: no program is called ${called}`);
        const content = { kind: "Disk", path: file, sizeBytes: sizes.get(file) ?? 0 } as const;
        return { kind: "File", path, mode: EXECUTABLE_MODE, content };
      };
      const architecture = process.arch === "arm64" ? "arm64" : "amd64";
      const busyboxCommands = await commandsOf(busybox);
      for (const { file, ...image } of await images({ architecture, program, busyboxCommands })) {
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
