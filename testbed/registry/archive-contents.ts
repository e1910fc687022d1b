import { open } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";

/** The content of one OCI archive, with its places. */
export interface ArchiveContents {
  /** The digest of each image's manifest, by the image's full name. */
  readonly images: ReadonlyMap<string, string>;
  /** The place of each piece of content, by its digest. */
  readonly blobs: ReadonlyMap<string, Extent>;
}

/** A part of a file, in bytes. */
export interface Extent {
  readonly offset: number;
  readonly size: number;
}

const BLOCK_BYTES = 512;
const FILE_FLAGS = ["0", "\u0000"];
const BLOB_FOLDER = "blobs/sha256/";
const INDEX_FILE = "index.json";
/** The largest manifest that registries accept; an index is shorter. */
const JSON_BYTES_MAX = 4 * 1024 * 1024;
const MEMBERS_MAX = 10_000;

/**
 * Reads the headers and the index of an archive: ours, or one of `docker save` or `podman save --format
 * oci-archive`. Throws if it is not an archive.
 */
export async function readArchiveContents(file: string): Promise<ArchiveContents> {
  const handle = await open(file, "r");
  try {
    const files = await readFiles(handle);
    const index = files.get(INDEX_FILE);
    if (index === undefined) throw new Error(`${file} is no OCI archive: it has no ${INDEX_FILE}`);
    const blobs = [...files]
      .filter(([path]) => path.startsWith(BLOB_FOLDER))
      .map(([path, extent]) => [`sha256:${path.slice(BLOB_FOLDER.length)}`, extent] as const);
    return { images: imagesOf(await readJson(handle, index)), blobs: new Map(blobs) };
  } finally {
    await handle.close();
  }
}

/** The media type that a manifest in `file` states. */
export async function readMediaType(file: string, extent: Extent): Promise<string> {
  const handle = await open(file, "r");
  try {
    const { mediaType } = (await readJson(handle, extent)) as { mediaType?: string };
    return mediaType ?? "application/vnd.oci.image.manifest.v1+json";
  } finally {
    await handle.close();
  }
}

/**
 * Files by their path. Everything else is skipped, including a long path's extended header: the paths that
 * count are short.
 */
async function readFiles(handle: FileHandle): Promise<ReadonlyMap<string, Extent>> {
  const files = new Map<string, Extent>();
  let offset = 0;
  for (let members = 0; members < MEMBERS_MAX; members += 1) {
    const header = await read(handle, { offset, size: BLOCK_BYTES });
    const path = header.toString("latin1", 0, 100).replace(/\0.*$/su, "");
    const size = Number.parseInt(header.toString("latin1", 124, 136), 8);
    if (path === "" || Number.isNaN(size)) return files;
    if (FILE_FLAGS.includes(header.toString("latin1", 156, 157)))
      files.set(path, { offset: offset + BLOCK_BYTES, size });
    offset += BLOCK_BYTES + Math.ceil(size / BLOCK_BYTES) * BLOCK_BYTES;
  }
  return files;
}

/**
 * containerd and Docker write an image's full name into one annotation. Podman writes it into the other, in
 * which the former write only the tag.
 */
function imagesOf(index: unknown): ReadonlyMap<string, string> {
  const { manifests } = index as {
    manifests: readonly { digest: string; annotations?: Readonly<Record<string, string>> }[];
  };
  return new Map(
    manifests.map(({ digest, annotations }) => [
      annotations?.["io.containerd.image.name"] ?? annotations?.["org.opencontainers.image.ref.name"] ?? "",
      digest,
    ]),
  );
}

async function readJson(handle: FileHandle, extent: Extent): Promise<unknown> {
  if (extent.size > JSON_BYTES_MAX)
    throw new Error(`a manifest or index of ${extent.size} bytes is longer than any can be`);
  return JSON.parse((await read(handle, extent)).toString());
}

async function read(handle: FileHandle, { offset, size }: Extent): Promise<Buffer> {
  const buffer = Buffer.alloc(size);
  const { bytesRead } = await handle.read(buffer, 0, size, offset);
  return buffer.subarray(0, bytesRead);
}
