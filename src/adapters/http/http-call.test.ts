import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { Agent, createServer, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { CallFailed, sendCall } from "./http-call.ts";

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
