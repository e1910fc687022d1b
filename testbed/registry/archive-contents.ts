import { open } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";

/** What lies in one OCI archive, and where. */
export interface ArchiveContents {
  /** The manifest's digest of each image, by the image's full name. */
  readonly manifests: ReadonlyMap<string, ManifestReference>;
  /** Where content begins and how long it is, in bytes, by its digest. */
  readonly blobs: ReadonlyMap<string, Extent>;
}

/** A manifest as an archive's index refers to it. */
export interface ManifestReference {
  readonly mediaType: string;
  readonly digest: string;
}

/** A part of a file, in bytes. */
export interface Extent {
  readonly offset: number;
  readonly size: number;
}

const BLOCK_BYTES = 512;
/** A file in a tar archive of ours: nothing else is in there. */
const FILE_FLAG = "0";
const BLOB_FOLDER = "blobs/sha256/";
const INDEX_FILE = "index.json";
const INDEX_BYTES_MAX = 1024 * 1024;
const FILES_MAX = 1_000;

/** Reads the headers and the index of an archive that `writeOciImage` wrote. Throws if it is not one. */
export async function readArchiveContents(file: string): Promise<ArchiveContents> {
  const handle = await open(file, "r");
  try {
    const files = await readFiles(handle);
    const index = files.get(INDEX_FILE);
    if (index === undefined || index.size > INDEX_BYTES_MAX) throw new Error(`${file} is no OCI archive: it has no ${INDEX_FILE}`);
    const blobs = [...files]
      .filter(([path]) => path.startsWith(BLOB_FOLDER))
      .map(([path, extent]) => [`sha256:${path.slice(BLOB_FOLDER.length)}`, extent] as const);
    return { manifests: manifestsOf((await read(handle, index)).toString()), blobs: new Map(blobs) };
  } finally {
    await handle.close();
  }
}

async function readFiles(handle: FileHandle): Promise<ReadonlyMap<string, Extent>> {
  const files = new Map<string, Extent>();
  for (let offset = 0; files.size < FILES_MAX;) {
    const header = await read(handle, { offset, size: BLOCK_BYTES });
    const path = header.toString("latin1", 0, 100).replace(/\0.*$/su, "");
    if (path === "" || header.toString("latin1", 156, 157) !== FILE_FLAG) return files;
    const size = Number.parseInt(header.toString("latin1", 124, 135), 8);
    files.set(path, { offset: offset + BLOCK_BYTES, size });
    offset += BLOCK_BYTES + Math.ceil(size / BLOCK_BYTES) * BLOCK_BYTES;
  }
  return files;
}

function manifestsOf(index: string): ReadonlyMap<string, ManifestReference> {
  const { manifests } = JSON.parse(index) as { manifests: readonly (ManifestReference & { annotations?: Readonly<Record<string, string>> })[] };
  return new Map(manifests.map(({ mediaType, digest, annotations }) => [annotations?.["io.containerd.image.name"] ?? "", { mediaType, digest }]));
}

async function read(handle: FileHandle, { offset, size }: Extent): Promise<Buffer> {
  const buffer = Buffer.alloc(size);
  const { bytesRead } = await handle.read(buffer, 0, size, offset);
  return buffer.subarray(0, bytesRead);
}
