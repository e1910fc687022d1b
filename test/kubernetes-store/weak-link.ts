import { once } from "node:events";
import { connect, createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import type { ApiServerConfig } from "../../src/adapters/kubernetes/api/api-server-config.ts";

/** A connection to a server on loopback that can be cut and restored. */
export interface WeakLink {
  /** The same server, through this link. */
  readonly config: ApiServerConfig;
  /** Breaks every connection, and refuses new ones. */
  cut(): void;
  join(): void;
  close(): Promise<void>;
}

/** Opens another link to the server of `config`. */
export async function openWeakLink(config: ApiServerConfig): Promise<WeakLink> {
  const sockets = new Set<Socket>();
  let isCut = false;
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
    close: async () => {
      cut();
      server.close();
      await once(server, "close");
    },
  };
}
