import { once } from "node:events";
import { connect, createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import type { ApiServerConfig } from "../../src/adapters/kubernetes/api/api-server-config.ts";

/** A connection to a server on loopback that can be cut and restored, and counts what the server sends. */
export interface WeakLink {
  /** The same server, through this link. */
  readonly config: ApiServerConfig;
  /** Breaks every connection, and refuses new ones. */
  cut(): void;
  join(): void;
  /** Bytes that the server has sent on all connections, with TLS around them. */
  receivedBytes(): number;
  close(): Promise<void>;
}

/** Opens another link to the server of `config`. */
export async function openWeakLink(config: ApiServerConfig): Promise<WeakLink> {
  const sockets = new Set<Socket>();
  let isCut = false;
  let receivedBytes = 0;
  const cut = (): void => {
    isCut = true;
    for (const socket of sockets) socket.destroy();
  };
  const server = createServer((near) => {
    if (isCut) {
      near.destroy();
      return;
    }
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
    cut,
    join: () => {
      isCut = false;
    },
    receivedBytes: () => receivedBytes,
    close: async () => {
      cut();
      server.close();
      await once(server, "close");
    },
  };
}
