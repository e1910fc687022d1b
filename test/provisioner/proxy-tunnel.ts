import { createServer, type Server } from "node:http";
import { connect } from "node:net";

/** A proxy that leads each connection to a port of this machine, whichever host and port it is asked for. */
export function createProxyTunnel(port: number, onConnect?: (hostAndPort: string) => void): Server {
  return createServer().on("connect", (request, client, head) => {
    onConnect?.(request.url ?? "");
    const through = connect(port, "localhost", () => {
      client.write("HTTP/1.1 200 Connection Established\r\n\r\n");
      through.write(head);
      through.pipe(client).pipe(through);
    });
    for (const socket of [client, through])
      socket.on("error", () => {
        client.destroy();
        through.destroy();
      });
  });
}
