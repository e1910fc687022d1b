import { createWriteStream } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join, relative } from "node:path";
import { pipeline } from "node:stream/promises";
import { ARCHITECTURES } from "../deploy/image/binaries/architecture.ts";
import type { Architecture } from "../deploy/image/binaries/architecture.ts";
import { buildImage, imageLayers, layerBytes } from "../deploy/image/build-image.ts";
import { imageNameProblem } from "../deploy/image/oci-archive.ts";
import { tarChunks } from "../deploy/image/write-tar.ts";
import type { Options, Values } from "../src/cli/options.ts";
import { runProgram } from "./run-program.ts";

const USAGE = `npm run image [-- flags]

Builds the driver's image from Debian's packages, Node and our bundle; needs no container tools and no root.`;
const options = {
  name: {
    kind: "text",
    problem: imageNameProblem,
    help: "The image's name, registry/repository:tag (default: localhost/azuredisk-csi-driver:<version>)",
  },
  architecture: {
    kind: "choice",
    choices: ARCHITECTURES,
    help: "The machine that it is for (default: this one's); another one's Node comes from npm",
  },
  layers: {
    kind: "text",
    help: "Write its layers as tar files into this folder instead, for the Containerfile",
  },
} as const satisfies Options;
const MEBIBYTE = 1024 * 1024;

async function main(values: Values<typeof options>): Promise<number> {
  if (values.layers !== undefined) {
    await writeLayers(values.layers, values.architecture);
    return 0;
  }
  const { name, digest, sizeBytes, archive, sbom } = await buildImage(values);
  console.log(
    `image    ${name}\ndigest   ${digest}\nsize     ${mebibytes(sizeBytes)}\n` +
      `archive  ${relative(".", archive)}\nsbom     ${relative(".", sbom)}`,
  );
  return 0;
}

async function writeLayers(folder: string, architecture: Architecture | undefined): Promise<void> {
  const { system, program } = await imageLayers(architecture);
  await mkdir(folder, { recursive: true });
  for (const [name, entries] of Object.entries({ system, program })) {
    await pipeline(tarChunks(entries), createWriteStream(join(folder, `${name}.tar`)));
    console.log(`${name.padEnd(8)} ${mebibytes(layerBytes(entries))}`);
  }
}

function mebibytes(sizeBytes: number): string {
  return `${(sizeBytes / MEBIBYTE).toFixed(1)} MiB`;
}

await runProgram({ name: "npm run image", usage: USAGE, options }, main);
