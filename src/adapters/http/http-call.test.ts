import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { Agent, createServer, type RequestListener, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { CallFailed, type HttpCall, readText, sendCall } from "./http-call.ts";

const never = new AbortController().signal;

// A write that is wrongly believed not sent would be sent twice.
it("knows that a call was sent over a connection that another request had opened", async () => {
  const folder = await mkdtemp(join(tmpdir(), "http-call-"));
  const socketPath = join(folder, "server.sock");
  const received: (string | undefined)[] = [];
  const server = createServer((message, response) => {
    received.push(message.url);
    if (message.url === "/opens") response.end();
  });
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  try {
    await new Promise<void>((resolve) => void server.listen(socketPath, resolve));
    await new Promise<void>((resolve, reject) => {
      request({ agent, socketPath, path: "/opens" }, (response) => response.resume().on("end", resolve))
        .on("error", reject)
        .end();
    });
    const calling = sendCall(
      {
        server: "the server",
        remedyOf: () => "none",
        begin: (headers) => request({ agent, socketPath, path: "/never-answered", method: "POST", headers }),
        readyEvent: "connect",
        body: { text: "{}", contentType: "application/json" },
        timeoutMs: 1_000,
        timeoutCovers: "whole",
      },
      never,
    );
    await assert.rejects(calling, (error) => {
      assert.ok(error instanceof CallFailed);
      assert.deepEqual([error.isTimeout, error.wasNotSent], [true, false]);
      return true;
    });
    assert.deepEqual(received, ["/opens", "/never-answered"]);
  } finally {
    agent.destroy();
    server.closeAllConnections();
    server.close();
    await rm(folder, { recursive: true, force: true });
  }
});

describe("readText", () => {
  const text = "é".repeat(100_000);
  const head = { "content-length": Buffer.byteLength(text) };

  it("reads a text that comes in pieces", async () => {
    const answer: RequestListener = (_, response) => response.writeHead(200, head).end(text);
    assert.equal(await readAnswer(answer, {}), text);
  });

  const lost: readonly (readonly [string, RequestListener, ReadOptions, string])[] = [
    [
      "an answer that is cut off",
      (_, response) => response.writeHead(200, head).write("é", () => response.destroy()),
      {},
      "the server can't be reached (aborted): none",
    ],
    [
      "an answer that is too long",
      (_, response) => response.writeHead(200, head).end(text),
      { bytesMax: 1_000 },
      "the server answered with more than 1000 bytes",
    ],
    [
      "an answer that stalls",
      (_, response) => response.writeHead(200, head).write("é"),
      { timeoutMs: 50 },
      "the server gave no answer within 50 ms",
    ],
    [
      "an answer that was lost before it is read",
      (_, response) => response.writeHead(200, head).write("é"),
      { isLostBefore: true },
      "the server can't be reached (the connection was closed): none",
    ],
  ];
  for (const [title, answer, options, message] of lost)
    it(`fails for ${title}`, async () => {
      await assert.rejects(readAnswer(answer, options), (error) => {
        assert.ok(error instanceof CallFailed);
        assert.equal(error.message, message);
        return true;
      });
    });
});

interface ReadOptions {
  readonly bytesMax?: number;
  readonly timeoutMs?: number;
  readonly isLostBefore?: boolean;
}

async function readAnswer(answer: RequestListener, options: ReadOptions): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "http-call-"));
  const socketPath = join(folder, "server.sock");
  const server = createServer(answer);
  try {
    await new Promise<void>((resolve) => void server.listen(socketPath, resolve));
    const call: HttpCall = {
      server: "the server",
      remedyOf: () => "none",
      begin: (headers) => request({ socketPath, headers }),
      readyEvent: "connect",
      body: undefined,
      timeoutMs: options.timeoutMs ?? 10_000,
      timeoutCovers: "whole",
    };
    const response = await sendCall(call, never);
    if (options.isLostBefore === true) response.destroy();
    return await readText(response, call, options.bytesMax ?? 1_000_000);
  } finally {
    server.closeAllConnections();
    server.close();
    await rm(folder, { recursive: true, force: true });
  }
}
