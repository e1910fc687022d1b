import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { Server } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TLSSocket } from "node:tls";
import type { ApiServerConfig } from "../../src/adapters/kubernetes/api/api-server-config.ts";
import { createLabPki } from "../../testbed/lab/cluster/lab-pki.ts";

/**
 * As on the API server: longer than a client keeps an idle connection, even on a busy machine. In
 * milliseconds.
 */
const KEEP_ALIVE_MS = 90_000;

/** A received request. */
export interface Received {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  /** The common name in the client's certificate. */
  readonly client: string | undefined;
}

/** The response to a request. */
export type Answer = (request: Received, response: ServerResponse) => void;

/**
 * A small HTTPS server on loopback whose responses a test chooses, with a folder of certificates (`ca`,
 * `server`, `client`, each `.crt` and `.key`).
 */
export interface HttpsServer {
  readonly folder: string;
  readonly url: string;
  readonly received: readonly Received[];
  /** The number of connections so far. */
  readonly connections: () => number;
  readonly config: (changes?: Partial<ApiServerConfig>) => ApiServerConfig;
  readonly answerWith: (answer: Answer) => void;
  /** Sends these responses in order, then always the last one. */
  readonly answerInTurn: (...answers: readonly Answer[]) => void;
  /** New connections get the certificate of another authority; answers the file of its `ca.crt`. */
  readonly changeAuthority: () => Promise<string>;
  readonly close: () => Promise<void>;
}

/** Responds with a code and a body. */
export function json(code: number, body: unknown, headers: Readonly<Record<string, string>> = {}): Answer {
  return (_, response) =>
    response.writeHead(code, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
}

/** Starts it, on `127.0.0.1` or another address of loopback. */
export async function startHttpsServer(address = "127.0.0.1"): Promise<HttpsServer> {
  const folder = await mkdtemp(join(tmpdir(), "https-server-"));
  const pki = async (
    authority: string,
  ): Promise<{ readonly ca: string; readonly cert: string; readonly key: string }> => {
    const directory = join(folder, authority);
    await createLabPki(directory, [
      {
        file: "server",
        subject: "CN=server",
        addresses: [address],
        dnsNames: ["localhost", "kubernetes.example"],
      },
      { file: "client", subject: "CN=client-of-the-test" },
    ]);
    const read = (file: string): Promise<string> => readFile(join(directory, file), "utf8");
    return { ca: await read("ca.crt"), cert: await read("server.crt"), key: await read("server.key") };
  };
  const first = await pki("first");
  const received: Received[] = [];
  let answer: Answer = json(200, {});
  let connections = 0;
  const server: Server = createServer(
    { ...first, requestCert: true, rejectUnauthorized: false },
    (request, response) => {
      const { subject } = (request.socket as TLSSocket).getPeerCertificate();
      const client = (subject as { readonly CN?: string } | undefined)?.CN;
      const taken = {
        method: request.method ?? "",
        url: request.url ?? "",
        headers: request.headers,
        client,
      };
      received.push(taken);
      request.resume().on("end", () => answer(taken, response));
    },
  );
  server.on("secureConnection", () => connections++);
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  server.listen(0, address);
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const url = `https://${address.includes(":") ? `[${address}]` : address}:${port}`;
  return {
    folder: join(folder, "first"),
    url,
    received,
    connections: () => connections,
    config: (changes) => ({
      origin: "the test",
      url: new URL(url),
      serverName: undefined,
      ca: { kind: "text", text: first.ca },
      clientCertificate: undefined,
      token: undefined,
      ...changes,
    }),
    answerWith: (next) => (answer = next),
    answerInTurn: (...answers) => {
      const left = [...answers];
      answer = (request, response) => (left.length > 1 ? left.shift() : left[0])?.(request, response);
    },
    changeAuthority: async () => {
      const second = await pki("second");
      server.setSecureContext({ cert: second.cert, key: second.key, ca: second.ca });
      server.closeAllConnections();
      return join(folder, "second", "ca.crt");
    },
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
      await rm(folder, { recursive: true });
    },
  };
}
