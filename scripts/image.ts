import { createWriteStream } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join, relative } from "node:path";
import { pipeline } from "node:stream/promises";
import { parseArgs } from "node:util";
import { buildImage, imageLayers, layerBytes } from "../deploy/image/build-image.ts";
import { tarChunks } from "../deploy/image/write-tar.ts";

const USAGE = `npm run image                           builds the driver's image from Debian's packages, Node and our
                                        bundle; needs no container tools and no root
npm run image -- --name registry/name:1  under that name (default: localhost/azuredisk-csi-driver:<version>)
npm run image -- --layers <folder>       writes its layers as tar files instead, for the Containerfile`;
const MEBIBYTE = 1024 * 1024;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { name: { type: "string" }, layers: { type: "string" }, help: { type: "boolean" } },
  });
  if (values.help === true) {
    console.log(USAGE);
    return 0;
  }
  if (values.layers !== undefined) {
    await writeLayers(values.layers);
    return 0;
  }
  const { name, digest, sizeBytes, archive, sbom } = await buildImage(values.name);
  console.log(
    `image    ${name}\ndigest   ${digest}\nsize     ${mebibytes(sizeBytes)}\n` +
      `archive  ${relative(".", archive)}\nsbom     ${relative(".", sbom)}`,
  );
  return 0;
}

async function writeLayers(folder: string): Promise<void> {
  const { system, program } = await imageLayers();
  await mkdir(folder, { recursive: true });
  for (const [name, entries] of Object.entries({ system, program })) {
    await pipeline(tarChunks(entries), createWriteStream(join(folder, `${name}.tar`)));
    console.log(`${name.padEnd(8)} ${mebibytes(layerBytes(entries))}`);
  }
}

function mebibytes(sizeBytes: number): string {
  return `${(sizeBytes / MEBIBYTE).toFixed(1)} MiB`;
}

process.exitCode = await main();
