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
      const asked = once(server, "request");
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`;
      const client = createSignInClient({ isProxied: true, requestMaxMs: 20 });
      const request = createPipelineRequest({ url, allowInsecureConnection: true });
      await assert.rejects(client.sendRequest(request), { name: "AbortError" });
      const [{ socket }] = (await asked) as [IncomingMessage];
      if (!socket.destroyed) await once(socket, "close");
    } finally {
      server.close();
    }
  });
});
