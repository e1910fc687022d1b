import { createReadStream } from "node:fs";
import type { TarEntry } from "./tar-entry.ts";
import { BLOCK_BYTES, contentBytes, encodeTarHeader, paddingAfter } from "./tar-header.ts";

const READ_BYTES = 1024 * 1024;
const END_BLOCKS = 2;

/**
 * A tar archive of `entries` in their order, in chunks. Its bytes depend only on the entries. Throws if a
 * file on disk is not as long as its entry says.
 */
export async function* tarChunks(entries: readonly TarEntry[]): AsyncGenerator<Uint8Array> {
  for (const entry of entries) {
    yield encodeTarHeader(entry);
    if (entry.kind !== "File") continue;
    if (entry.content.kind === "Bytes") yield entry.content.bytes;
    else yield* diskChunks(entry.content);
    yield paddingAfter(contentBytes(entry));
  }
  yield new Uint8Array(END_BLOCKS * BLOCK_BYTES);
}

async function* diskChunks({
  path,
  sizeBytes,
}: {
  readonly path: string;
  readonly sizeBytes: number;
}): AsyncGenerator<Uint8Array> {
  let readBytes = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: READ_BYTES }) as AsyncIterable<Buffer>) {
    readBytes += chunk.length;
    yield chunk;
  }
  if (readBytes !== sizeBytes)
    throw new Error(`${path} changed while it was packed: ${readBytes} bytes, not ${sizeBytes}`);
}
