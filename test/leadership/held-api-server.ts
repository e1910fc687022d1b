import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { type IncomingMessage, request, type ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { openEmbeddedStore } from "../../src/adapters/embedded/embedded-store.ts";
import { serveEmbeddedStore } from "../../src/adapters/embedded/serve-embedded-store.ts";
import { systemClock } from "../../src/adapters/system/system-clock.ts";
import { systemRandom } from "../../src/adapters/system/system-random.ts";
import type { ObjectStore } from "../../src/ports/store/object-store.ts";
import { silentLogger } from "../../src/ports/testing/silent-logger.ts";
import { kubeconfig } from "../../testbed/lab/cluster/kubeconfig.ts";
import { createLabPki } from "../../testbed/lab/cluster/lab-pki.ts";

const LOOPBACK = "127.0.0.1";
/** In the user agent of an election's calls. */
const ELECTION = "leader election";
const NAMESPACE = /\/namespaces\/[^/]+/u;
/** Only the test ends a request. */
const SERVER_TIMEOUT_MS = 0;

/** An API server that answers a call only when the test says so. */
export interface HeldApiServer {
  readonly kubeconfigFile: string;
  /** Its objects, independent of any connection. */
  readonly store: ObjectStore;
  /**
   * Calls that wait for their answers: those of the leader election, and all others. Watches begin at once
   * and are not counted.
   */
  held(): { readonly election: number; readonly others: number };
  /** The most `others` that it held at the same time. */
  readonly othersMax: number;
  /** Answers the calls that it holds now. */
  answerHeld(): void;
  close(): Promise<void>;
}

interface HeldCall {
  readonly isElection: boolean;
  readonly answer: () => void;
}

/**
 * Starts one over HTTPS on loopback, in front of an embedded store, which speaks Kubernetes' wire format.
 */
export async function startHeldApiServer(): Promise<HeldApiServer> {
  const folder = await mkdtemp(join(tmpdir(), "held-api-server-"));
  const pki = join(folder, "pki");
  await createLabPki(pki, [
    { file: "server", subject: "CN=server", addresses: [LOOPBACK], dnsNames: ["localhost"] },
    { file: "client", subject: "CN=client" },
  ]);
  const pem = (file: string): Promise<string> => readFile(join(pki, file), "utf8");
  const store = openEmbeddedStore({
    file: join(folder, "store.db"),
    clock: systemClock,
    random: systemRandom,
  });
  const behind = await serveEmbeddedStore({ store, socketPath: join(folder, "s"), logger: silentLogger });
  const held = new Set<HeldCall>();
  let othersMax = 0;
  const count = (isElection: boolean): number =>
    [...held].filter((call) => call.isElection === isElection).length;

  const server = createServer(
    { ca: await pem("ca.crt"), cert: await pem("server.crt"), key: await pem("server.key") },
    (incoming, response) => {
      const url = (incoming.url ?? "").replace(NAMESPACE, "");
      const answer = (): void => void forward(behind.socketPath, { incoming, url }, response);
      if (beginsWatch(url)) return answer();
      const call = { isElection: incoming.headers["user-agent"]?.includes(ELECTION) === true, answer };
      held.add(call);
      response.on("close", () => held.delete(call));
      othersMax = Math.max(othersMax, count(false));
    },
  );
  server.keepAliveTimeout = SERVER_TIMEOUT_MS;
  server.requestTimeout = SERVER_TIMEOUT_MS;
  server.listen(0, LOOPBACK);
  await once(server, "listening");
  const url = `https://${LOOPBACK}:${(server.address() as AddressInfo).port}`;
  const kubeconfigFile = join(folder, "kubeconfig");
  const text = kubeconfig({
    server: url,
    clusterName: "held",
    ca: await pem("ca.crt"),
    certificate: await pem("client.crt"),
    key: await pem("client.key"),
  });
  await writeFile(kubeconfigFile, text, { mode: 0o600 });

  return {
    kubeconfigFile,
    store,
    held: () => ({ election: count(true), others: count(false) }),
    get othersMax() {
      return othersMax;
    },
    answerHeld: () => {
      for (const call of [...held]) {
        held.delete(call);
        call.answer();
      }
    },
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
      await behind.close();
      store.close();
      await rm(folder, { recursive: true });
    },
  };
}

/** A watch, or the preceding read of the newest version. */
function beginsWatch(url: string): boolean {
  const { searchParams } = new URL(url, "https://server");
  return searchParams.has("watch") || searchParams.get("limit") === "1";
}

/** Kubernetes names the missing resource and object; the store's own server does not. */
function notFound(url: string, response: ServerResponse): void {
  const [, , , , plural, name] = url.split("/");
  response
    .writeHead(404, { "content-type": "application/json" })
    .end(JSON.stringify({ reason: "NotFound", details: { kind: plural, name } }));
}

/** Forwards a call to the store's own server. A client that disconnects ends it. */
async function forward(
  socketPath: string,
  { incoming, url }: { readonly incoming: IncomingMessage; readonly url: string },
  response: ServerResponse,
): Promise<void> {
  const { host: _host, connection: _connection, ...headers } = incoming.headers;
  const sent = request({ socketPath, method: incoming.method, path: url, headers });
  response.on("close", () => sent.destroy());
  sent.on("response", (answer) => {
    if (answer.statusCode === 404) return notFound(url, response);
    response.writeHead(answer.statusCode ?? 500, {
      "content-type": answer.headers["content-type"] ?? "application/json",
    });
    response.flushHeaders();
    answer.on("data", (chunk: Buffer) => response.write(chunk));
    answer.on("end", () => response.end());
    answer.on("error", () => response.destroy());
  });
  sent.on("error", () => response.destroy());
  try {
    await pipeline(incoming, sent);
  } catch {
    // Both ends have been notified by then.
    response.destroy();
  }
}
