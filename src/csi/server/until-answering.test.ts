import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer as createHttp2Server } from "node:http2";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { createVirtualClock } from "../../adapters/virtual/virtual-clock.ts";
import { ok } from "../../core/failure/result.ts";
import { untilAnswering } from "./until-answering.ts";

const ANSWER_MAX_MS = 30_000;

async function servedBy(
  server: Pick<Server, "listen" | "once" | "close">,
  act: (socket: string) => Promise<void>,
): Promise<void> {
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
  it("ends once the server has answered a call, whatever the answer", async () => {
    const asked: unknown[] = [];
    const server = createHttp2Server();
    server.on("stream", (stream, headers) => {
      asked.push([headers[":method"], headers[":path"], headers["content-type"], headers["te"]]);
      stream.respond({ ":status": 200, "grpc-status": "12" }, { endStream: true });
    });
    await servedBy(server, async (socket) =>
      assert.deepEqual(
        await untilAnswering(connect(socket), { path: socket, clock: createVirtualClock() }),
        ok(undefined),
      ),
    );
    assert.deepEqual(asked, [["POST", "/csi.v1.Identity/GetPluginInfo", "application/grpc", "trailers"]]);
  });

  it("does not accept a server that sends bytes without answering its call", async () => {
    const sessions: { destroy(): void }[] = [];
    const server = createHttp2Server();
    server.on("session", (session) => sessions.push(session));
    await servedBy(server, async (socket) => {
      const clock = createVirtualClock();
      const waiting = untilAnswering(connect(socket), { path: socket, clock });
      await once(server, "stream");
      await clock.advance(ANSWER_MAX_MS);
      const answered = await waiting;
      assert.equal(
        answered.ok ? "" : answered.failure.detail,
        `the server on ${socket} does not answer: it answered no call for 30000 ms`,
      );
      for (const session of sessions) session.destroy();
    });
  });

  it("does not accept a socket that listens without answering", async () => {
    const silent = createServer();
    const connections: Socket[] = [];
    silent.on("connection", (connection) => connections.push(connection));
    await servedBy(silent, async (socket) => {
      const clock = createVirtualClock();
      const waiting = untilAnswering(connect(socket), { path: socket, clock });
      await once(silent, "connection");
      await clock.advance(ANSWER_MAX_MS);
      const answered = await waiting;
      assert.equal(
        answered.ok ? "" : answered.failure.detail,
        `the server on ${socket} does not answer: it answered no call for 30000 ms`,
      );
      for (const connection of connections) connection.destroy();
    });
  });

  for (const { when, listener } of [
    { when: "at once", listener: (connection: Socket) => void connection.destroy() },
    {
      when: "after the settings of HTTP/2",
      listener: (connection: Socket) =>
        void connection.once("data", () => connection.end(Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]))),
    },
  ])
    it(`does not accept a server that closes the connection ${when}`, async () => {
      const server = createServer(listener);
      await servedBy(server, async (socket) => {
        const answered = await untilAnswering(connect(socket), { path: socket, clock: createVirtualClock() });
        assert.match(
          answered.ok ? "" : answered.failure.detail,
          /does not answer: (it closed the connection|read ECONNRESET|write EPIPE)/u,
        );
      });
    });

  it("says why no server is there", async () => {
    const answered = await untilAnswering(connect("/nowhere/s.sock"), {
      path: "/nowhere/s.sock",
      clock: createVirtualClock(),
    });
    assert.match(answered.ok ? "" : answered.failure.detail, /does not answer: connect ENOENT/u);
  });
});
