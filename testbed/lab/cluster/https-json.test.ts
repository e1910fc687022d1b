import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { requestJson } from "./https-json.ts";
import type { JsonAnswer } from "./https-json.ts";
import { createLabPki } from "./lab-pki.ts";

interface SeenServer {
  /** The requests so far, each as its method and the number of its connection. */
  readonly seen: readonly string[];
  send(method: string): Promise<JsonAnswer>;
}

describe("requests of a lab's clients", () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "https-json-"));
    await createLabPki(folder, [{ file: "server", subject: "CN=server", addresses: ["127.0.0.1"] }]);
  });
  after(() => rm(folder, { recursive: true }));

  /** Runs `use` with a server that closes the connection of these requests instead of an answer. */
  async function withServer(
    unanswered: readonly string[],
    use: (server: SeenServer) => Promise<void>,
  ): Promise<void> {
    const pki = (file: string): Promise<string> => readFile(join(folder, file), "utf8");
    const [ca, cert, key] = await Promise.all([pki("ca.crt"), pki("server.crt"), pki("server.key")]);
    const seen: string[] = [];
    const connections = new Map<object, number>();
    const server = createServer({ cert, key }, (request, response) => {
      const connection = connections.get(request.socket) ?? connections.size + 1;
      connections.set(request.socket, connection);
      const name = `${request.method} ${connection}`;
      seen.push(name);
      if (unanswered.includes(name) && seen.length > 1) request.socket.destroy();
      else response.end('{"is": "answered"}');
    });
    const { promise: listening, resolve } = Promise.withResolvers<void>();
    server.listen(0, "127.0.0.1", resolve);
    await listening;
    const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    try {
      await use({ seen, send: (method) => requestJson({ ca }, { url, method }) });
    } finally {
      server.closeAllConnections();
      server.close();
    }
  }
  const answered = { is: "answered" };

  it("share a connection if they only read", () =>
    withServer([], async ({ seen, send }) => {
      for (const method of ["GET", "GET", "POST", "GET"])
        assert.deepEqual((await send(method)).body, answered);
      assert.deepEqual(seen, ["GET 1", "GET 1", "POST 2", "GET 1"]);
    }));

  it("are sent on a new connection when an earlier one was closed, if they only read", () =>
    withServer(["GET 1", "POST 3"], async ({ seen, send }) => {
      for (const method of ["GET", "GET"]) assert.deepEqual((await send(method)).body, answered);
      await assert.rejects(send("POST"), { code: "ECONNRESET" });
      assert.deepEqual(seen, ["GET 1", "GET 1", "GET 2", "POST 3"]);
    }));

  it("fail when a new connection was closed", () =>
    withServer(["GET 2"], async ({ seen, send }) => {
      await send("POST");
      await assert.rejects(send("GET"), { code: "ECONNRESET" });
      assert.deepEqual(seen, ["POST 1", "GET 2"]);
    }));
});
