import { open, rename, rm } from "node:fs/promises";
import { blobArchive } from "./blob-archive.ts";
import type { BlobArchive, BlobDescriptor } from "./blob-archive.ts";
import type { TarEntry } from "./tar-entry.ts";
import { MODIFIED_AT_S } from "./tar-header.ts";
import { tarChunks } from "./write-tar.ts";

/** How containers of an image are started: the part of the OCI image configuration that our images use. */
export interface OciRunConfig {
  /** `user[:group]`, names or numbers. Default: root. */
  readonly User?: string;
  /** `NAME=value`. */
  readonly Env?: readonly string[];
  readonly Entrypoint?: readonly string[];
  /** Arguments of the entrypoint if the pod gives none. */
  readonly Cmd?: readonly string[];
  readonly WorkingDir?: string;
  /** The signal that asks it to end. Default: SIGTERM. */
  readonly StopSignal?: string;
  /** For example `{ "8080/tcp": {} }`. */
  readonly ExposedPorts?: Readonly<Record<string, Record<string, never>>>;
  readonly Labels?: Readonly<Record<string, string>>;
}

/** An image to write. */
export interface OciImage {
  /**
   * Full names with tag, for example `registry.k8s.io/pause:3.10.1`. The archive's image has all of them.
   */
  readonly names: readonly string[];
  readonly architecture: "amd64" | "arm64";
  /** From the bottom up; parents come before their children. `folderEntries` makes one from a folder. */
  readonly layers: readonly (readonly TarEntry[])[];
  readonly config: OciRunConfig;
}

/** The result of `writeOciImage`. */
export interface WrittenImage {
  /** The manifest's digest, `sha256:<hex>`: pins the image whatever its name. */
  readonly digest: string;
  readonly sizeBytes: number;
}

const MEDIA_TYPE = "application/vnd.oci.image";

/**
 * Writes an image as an OCI layout in a tar file, which `ctr images import`, `docker load`, `podman load`
 * and `skopeo` read. The same content gives the same bytes and digests, since every time in it is fixed.
 * Layers are not compressed. The file appears when it is complete.
 */
export async function writeOciImage(image: OciImage, file: string): Promise<WrittenImage> {
  const unfinished = `${file}.${process.pid}.unfinished`;
  const handle = await open(unfinished, "w");
  try {
    const written = await writeArchive(image, blobArchive(handle));
    await handle.close();
    await rename(unfinished, file);
    return written;
  } catch (error) {
    await handle.close();
    await rm(unfinished, { force: true });
    throw error;
  }
}

async function writeArchive(image: OciImage, archive: BlobArchive): Promise<WrittenImage> {
  const layers: BlobDescriptor[] = [];
  for (const layer of image.layers)
    layers.push(await archive.addBlob(`${MEDIA_TYPE}.layer.v1.tar`, tarChunks(layer)));
  const config = await archive.addBlob(`${MEDIA_TYPE}.config.v1+json`, [json(imageConfig(image, layers))]);
  const mediaType = `${MEDIA_TYPE}.manifest.v1+json`;
  const manifest = await archive.addBlob(mediaType, [json({ schemaVersion: 2, mediaType, config, layers })]);
  await archive.addFile("index.json", json(index(image, manifest)));
  await archive.addFile("oci-layout", json({ imageLayoutVersion: "1.0.0" }));
  return { digest: manifest.digest, sizeBytes: await archive.end() };
}

function imageConfig({ architecture, config }: OciImage, layers: readonly BlobDescriptor[]): object {
  const created = new Date(MODIFIED_AT_S * 1000).toISOString();
  return {
    created,
    architecture,
    os: "linux",
    config,
    rootfs: { type: "layers", diff_ids: layers.map(({ digest }) => digest) },
  };
}

/**
 * containerd and Docker read the full name from `io.containerd.image.name`; OCI's own annotation holds the
 * tag.
 */
function index({ names, architecture }: OciImage, manifest: BlobDescriptor): object {
  const manifests = names.map((name) => ({
    ...manifest,
    platform: { architecture, os: "linux" },
    annotations: { "io.containerd.image.name": name, "org.opencontainers.image.ref.name": tagOf(name) },
  }));
  return { schemaVersion: 2, mediaType: `${MEDIA_TYPE}.index.v1+json`, manifests };
}

const TAG = /\/.*:(\w[\w.-]{0,127})$/u;

/** Why a text is no full name of an image; undefined if it is one. */
export function imageNameProblem(name: string): string | undefined {
  return TAG.test(name) ? undefined : "expected registry/repository:tag";
}

function tagOf(name: string): string {
  const [, tag] = TAG.exec(name) ?? [];
  if (tag === undefined)
    throw new Error(`${name} is no full name of an image: write registry/repository:tag`);
  return tag;
}

function json(value: object): Uint8Array {
  return Buffer.from(JSON.stringify(value));
}
