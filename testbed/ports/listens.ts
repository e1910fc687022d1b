import { once } from "node:events";
import { connect, type NetConnectOpts } from "node:net";

/** Whether a program takes connections at an address or a socket's path. */
export async function listens(at: NetConnectOpts): Promise<boolean> {
  const socket = connect(at);
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
