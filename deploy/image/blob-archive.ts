import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { BLOCK_BYTES, encodeTarHeader, paddingAfter } from "./tar-header.ts";

/**
 * A reference from one piece of content to another: type, digest (`sha256:<hex>`) and size in bytes. The
 * names are OCI's.
 */
export interface BlobDescriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

/** A tar file that is being written, in which content is stored by its digest. */
export interface BlobArchive {
  addBlob(
    mediaType: string,
    chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  ): Promise<BlobDescriptor>;
  addFile(path: string, bytes: Uint8Array): Promise<void>;
  /** Ends the archive and returns its size in bytes. */
  end(): Promise<number>;
}

const END_BLOCKS = 2;

/**
 * Writes an archive from the start of `file`. A blob's digest and size are known only once it is written,
 * so its header is written last.
 */
export function blobArchive(file: FileHandle): BlobArchive {
  let sizeBytes = 0;
  const append = async (bytes: Uint8Array): Promise<void> => {
    await writeAt(file, bytes, sizeBytes);
    sizeBytes += bytes.length;
  };
  return {
    async addBlob(mediaType, chunks) {
      const headerAt = sizeBytes;
      await append(new Uint8Array(BLOCK_BYTES));
      const hash = createHash("sha256");
      for await (const chunk of chunks) {
        hash.update(chunk);
        await append(chunk);
      }
      const size = sizeBytes - headerAt - BLOCK_BYTES;
      await append(paddingAfter(size));
      const hex = hash.digest("hex");
      await writeAt(file, fileHeader(`blobs/sha256/${hex}`, size), headerAt);
      return { mediaType, digest: `sha256:${hex}`, size };
    },
    async addFile(path, bytes) {
      await append(fileHeader(path, bytes.length));
      await append(bytes);
      await append(paddingAfter(bytes.length));
    },
    async end() {
      await append(new Uint8Array(END_BLOCKS * BLOCK_BYTES));
      return sizeBytes;
    },
  };
}

function fileHeader(path: string, sizeBytes: number): Uint8Array {
  return encodeTarHeader({ kind: "File", path, mode: 0o644, content: { kind: "Disk", path, sizeBytes } });
}

async function writeAt(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  let written = 0;
  while (written < bytes.length) {
    const { bytesWritten } = await file.write(bytes, written, bytes.length - written, position + written);
    written += bytesWritten;
  }
}
