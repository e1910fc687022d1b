import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, it } from "node:test";
import { createPipelineRequest } from "@azure/core-rest-pipeline";
import { createSignInClient } from "./sign-in-client.ts";

describe("createSignInClient", () => {
  it("ends a request that gets no answer, at the server, too", async () => {
    const server = createServer();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    try {
      const received: IncomingMessage[] = [];
      server.on("request", (request) => received.push(request));
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`;
      // On a busy machine the time may have passed before the request is sent.
      for (let requestMaxMs = 20; received.length === 0; requestMaxMs *= 2) {
        const client = createSignInClient({ isProxied: true, requestMaxMs });
        const request = createPipelineRequest({ url, allowInsecureConnection: true });
        await assert.rejects(client.sendRequest(request), { name: "AbortError" });
      }
      for (const { socket } of received) if (!socket.destroyed) await once(socket, "close");
    } finally {
      server.close();
    }
  });
});
