import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import type { ApiServerConfig } from "../../src/adapters/kubernetes/api/api-server-config.ts";

/** A way to an API server that counts what the server sends. */
export interface CountingLink {
  /** The same server, through this link. */
  readonly config: ApiServerConfig;
  /** Bytes that the server has sent on all connections, with TLS around them. */
  readonly receivedBytes: () => number;
  readonly close: () => Promise<void>;
}

/** Opens a link to the server of `config`, which listens on loopback. */
export async function openCountingLink(config: ApiServerConfig): Promise<CountingLink> {
  const sockets = new Set<Socket>();
  let receivedBytes = 0;
  const server = createServer((near) => {
    const far = connect(Number(config.url.port), config.url.hostname);
    far.on("data", (chunk) => {
      receivedBytes += chunk.length;
    });
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(socket);
      socket.on("error", () => other.destroy());
      socket.on("close", () => {
        sockets.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    config: { ...config, url: new URL(`https://127.0.0.1:${(server.address() as AddressInfo).port}`) },
    receivedBytes: () => receivedBytes,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
