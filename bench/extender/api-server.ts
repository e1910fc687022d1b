import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import { createTlsMaterial } from "../../src/emulator/http/tls.ts";
import {
  type Collection,
  NODES,
  VOLUMES,
  azDriverNode,
  azVolumeAttachment,
  collections,
  nodesOf,
} from "./cluster.ts";

/**
 * An imitation of Kubernetes' API server that costs less. It builds the pages of lists once and keeps them.
 * Its watches send the heartbeats of all nodes every 10 s and a few changes of attachments. A list costs
 * the client as much as with the real server, and leaves the machine to the extenders.
 */
export interface ApiServerStarted {
  readonly port: number;
  readonly caPem: string;
}

const PAGE_SIZE = 500;
const TICK_MS = 20;
/** Each node sends a heartbeat every 10 s. */
const HEARTBEATS_A_TICK = (NODES * TICK_MS) / 10_000;
const ATTACHMENT_CHANGES_A_TICK = 1;
const BOOKMARK_MS = 10_000;

class Watchers {
  readonly #responses = new Set<ServerResponse>();

  add(response: ServerResponse): void {
    this.#responses.add(response);
    response.on("close", () => this.#responses.delete(response));
    response.writeHead(200, { "content-type": "application/json" });
    response.flushHeaders();
  }

  send(type: string, objects: readonly object[]): void {
    if (this.#responses.size === 0) return;
    const lines = objects.map((object) => `${JSON.stringify({ type, object })}\n`).join("");
    for (const response of this.#responses) response.write(lines);
  }
}

async function main(): Promise<void> {
  const tls = await createTlsMaterial(["localhost", "127.0.0.1"]);
  const watchers = new Map<string, Watchers>();
  const pages = new Map<string, readonly Buffer[]>();
  for (const collection of collections()) {
    watchers.set(collection.path, new Watchers());
    pages.set(collection.path, pagesOf(collection));
  }
  const server = createServer({ key: tls.keyPem, cert: tls.certPem }, (request, response) =>
    answer(pages, watchers, request, response),
  );
  server.keepAliveTimeout = 0;
  server.listen(0, "127.0.0.1", () => {
    const address = server.address();
    const started: ApiServerStarted = {
      port: typeof address === "object" && address !== null ? address.port : 0,
      caPem: tls.caPem,
    };
    process.stdout.write(`${JSON.stringify(started)}\n`);
  });
  process.once("SIGTERM", () => process.exit(0));
  keepChanging(watchers);
}

function pagesOf({ items }: Collection): readonly Buffer[] {
  const count = Math.max(1, Math.ceil(items.length / PAGE_SIZE));
  return Array.from({ length: count }, (_, at) => {
    const metadata = { resourceVersion: "1", ...(at + 1 < count ? { continue: String(at + 1) } : {}) };
    const page = items.slice(at * PAGE_SIZE, (at + 1) * PAGE_SIZE);
    return Buffer.from(
      `{"kind":"List","apiVersion":"v1","metadata":${JSON.stringify(metadata)},"items":[${page.join(",")}]}`,
    );
  });
}

function answer(
  pages: ReadonlyMap<string, readonly Buffer[]>,
  watchers: ReadonlyMap<string, Watchers>,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const url = new URL(request.url ?? "/", "https://localhost");
  if (url.searchParams.has("watch")) return watchers.get(url.pathname)?.add(response);
  const page = pages.get(url.pathname)?.[Number(url.searchParams.get("continue") ?? 0)];
  if (page === undefined) {
    response.writeHead(404, { "content-type": "application/json" });
    response.end('{"kind":"Status","code":404,"reason":"NotFound","message":"there is no such collection"}');
    return;
  }
  response.writeHead(200, { "content-type": "application/json", "content-length": page.length });
  response.end(page);
}

function keepChanging(watchers: ReadonlyMap<string, Watchers>): void {
  const named = (plural: string): Watchers | undefined =>
    [...watchers].find(([path]) => path.endsWith(`/${plural}`))?.[1];
  const nodes = named("azdrivernodes");
  const attachments = named("azvolumeattachments");
  let version = 1;
  setInterval(() => {
    version++;
    const at = version;
    nodes?.send(
      "MODIFIED",
      Array.from({ length: HEARTBEATS_A_TICK }, (_, offset) =>
        azDriverNode((at * HEARTBEATS_A_TICK + offset) % NODES, at),
      ),
    );
    const changed = Array.from(
      { length: ATTACHMENT_CHANGES_A_TICK },
      (_, offset) => (at * ATTACHMENT_CHANGES_A_TICK + offset) % VOLUMES,
    );
    attachments?.send(
      "MODIFIED",
      changed.map((volume) => azVolumeAttachment(volume, nodesOf(volume)[1] ?? 0, false, at)),
    );
  }, TICK_MS);
  setInterval(() => {
    for (const watcher of watchers.values())
      watcher.send("BOOKMARK", [{ metadata: { resourceVersion: String(version) } }]);
  }, BOOKMARK_MS);
}

await main();
