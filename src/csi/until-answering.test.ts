import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer as createHttp2Server } from "node:http2";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { ok } from "../core/result.ts";
import { untilAnswering } from "./until-answering.ts";

async function servedBy(server: Pick<Server, "listen" | "once" | "close">, act: (socket: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "answering-"));
  const socket = join(folder, "s.sock");
  const listening = new Promise<void>((resolve) => void server.once("listening", () => resolve()));
  server.listen(socket);
  await listening;
  try {
    await act(socket);
  } finally {
    server.close();
    await rm(folder, { recursive: true });
  }
}

describe("untilAnswering", () => {
  it("ends once the server has spoken", () => servedBy(createHttp2Server(), async (socket) => assert.deepEqual(await untilAnswering(socket), ok(undefined))));

  it("does not take a socket that somebody listens on for a server that answers", async () => {
    const silent = createServer();
    const connections: Socket[] = [];
    silent.on("connection", (connection) => connections.push(connection));
    await servedBy(silent, async (socket) => {
      const answered = await untilAnswering(socket, 20);
      assert.equal(answered.ok ? "" : answered.failure.detail, `the server on ${socket} does not answer: it said nothing for 20 ms`);
      for (const connection of connections) connection.destroy();
    });
  });

  it("says why there is nobody", async () => {
    const answered = await untilAnswering("/nowhere/s.sock");
    assert.match(answered.ok ? "" : answered.failure.detail, /does not answer: connect ENOENT/u);
  });
});
