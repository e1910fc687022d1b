import { createReadStream } from "node:fs";
import { readdir } from "node:fs/promises";
import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { readArchiveContents, readMediaType } from "./archive-contents.ts";
import type { ArchiveContents, Extent } from "./archive-contents.ts";

/** A registry that serves images under any registry's name. */
export interface ImageRegistry {
  /** `http://<address>:<port>`. */
  readonly url: string;
  close(): Promise<void>;
}

/** `/v2/<repository>/manifests/<tag or digest>` and `/v2/<repository>/blobs/<digest>`. */
const ROUTE = /^\/v2\/(?<repository>[\w./-]+)\/(?<kind>manifests|blobs)\/(?<reference>[\w.:-]+)$/u;
const DIGEST = /^sha256:[0-9a-f]{64}$/u;

/** Read and sent at once: with the default of 64 KiB, a layer takes several times the processor time. */
const READ_BYTES = 1024 * 1024;

interface Found {
  readonly file: string;
  readonly extent: Extent;
  readonly mediaType: string;
  readonly digest: string;
}

/**
 * Serves the images in `folders`' OCI archives by the pull half of OCI's distribution API, as a mirror of
 * every registry: a node's containerd names the registry with `?ns=`. The folders are read again for each
 * request, so that images can be added or replaced while nodes run.
 */
export async function startImageRegistry({
  folders,
  host,
  port,
}: {
  folders: readonly string[];
  host: string;
  port: number;
}): Promise<ImageRegistry> {
  const server = createServer((request, response) => {
    answer(request, response, folders).catch((error: unknown) => {
      const message = error instanceof Error ? error.message : String(error);
      if (response.headersSent) response.destroy();
      else refuse(response, 500, "UNKNOWN", message);
    });
  });
  const { promise: listening, resolve, reject } = Promise.withResolvers<void>();
  server.on("error", reject).listen(port, host, resolve);
  await listening;
  return {
    url: `http://${host}:${(server.address() as AddressInfo).port}`,
    async close() {
      const { promise: closed, resolve: onClose } = Promise.withResolvers<void>();
      server.close(() => onClose());
      server.closeAllConnections();
      await closed;
    },
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  folders: readonly string[],
): Promise<void> {
  const { pathname, searchParams } = new URL(request.url ?? "/", "http://registry");
  if (request.method !== "GET" && request.method !== "HEAD")
    return refuse(response, 405, "UNSUPPORTED", "images are only pulled from here");
  if (pathname === "/v2/" || pathname === "/v2") return void response.end("{}");
  const { repository = "", kind = "", reference = "" } = ROUTE.exec(pathname)?.groups ?? {};
  const name = `${searchParams.get("ns") ?? "docker.io"}/${repository}`;
  const found =
    kind === "manifests" ? await findManifest(folders, name, reference) : await findBlob(folders, reference);
  if (found === undefined)
    return refuse(
      response,
      404,
      kind === "blobs" ? "BLOB_UNKNOWN" : "MANIFEST_UNKNOWN",
      `there is no image ${name}:${reference} in ${folders.join(", ")}`,
    );
  response.writeHead(200, {
    "content-type": found.mediaType,
    "content-length": found.extent.size,
    "docker-content-digest": found.digest,
  });
  if (request.method === "HEAD") return void response.end();
  const { offset, size } = found.extent;
  const content = { start: offset, end: offset + size - 1, highWaterMark: READ_BYTES };
  return pipeline(createReadStream(found.file, content), response);
}

function refuse(response: ServerResponse, status: number, code: string, message: string): void {
  response
    .writeHead(status, { "content-type": "application/json" })
    .end(JSON.stringify({ errors: [{ code, message }] }));
}

/** Finds it by tag, or by digest whatever the name: a manifest may be one of several that another lists. */
async function findManifest(
  folders: readonly string[],
  name: string,
  reference: string,
): Promise<Found | undefined> {
  return findIn(folders, async (file, { images, blobs }) => {
    const digest = DIGEST.test(reference) ? reference : images.get(`${name}:${reference}`);
    const extent = blobs.get(digest ?? "");
    return digest === undefined || extent === undefined
      ? undefined
      : { file, extent, digest, mediaType: await readMediaType(file, extent) };
  });
}

async function findBlob(folders: readonly string[], digest: string): Promise<Found | undefined> {
  return findIn(folders, async (file, { blobs }) => {
    const extent = blobs.get(digest);
    return extent === undefined ? undefined : { file, extent, digest, mediaType: "application/octet-stream" };
  });
}

/**
 * Returns the first match of any archive. An archive that can't be read, perhaps because it is being
 * copied, matters only if no other has a match.
 */
async function findIn(
  folders: readonly string[],
  look: (file: string, contents: ArchiveContents) => Promise<Found | undefined>,
): Promise<Found | undefined> {
  const errors: Error[] = [];
  for (const file of await archivesIn(folders)) {
    try {
      const found = await look(file, await readArchiveContents(file));
      if (found !== undefined) return found;
    } catch (error) {
      errors.push(error instanceof Error ? error : new Error(String(error)));
    }
  }
  if (errors[0] !== undefined) throw errors[0];
  return undefined;
}

async function archivesIn(folders: readonly string[]): Promise<readonly string[]> {
  const names = await Promise.all(
    folders.map(async (folder) => (await readdir(folder)).toSorted().map((name) => join(folder, name))),
  );
  return names.flat().filter((file) => file.endsWith(".tar"));
}
