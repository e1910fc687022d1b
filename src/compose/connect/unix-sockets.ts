import type { UnixSockets } from "../../csi/server/unix-sockets.ts";

/** The Unix sockets of a platform on which Node has none; undefined: Node's own serve. Loaded only there. */
export async function unixSocketsOf(platform: NodeJS.Platform): Promise<UnixSockets | undefined> {
  if (platform !== "win32") return undefined;
  const { createUnixSockets } = await import("../../adapters/unix-sockets/create-unix-sockets.ts");
  const { loadWinsock } = await import("../../adapters/unix-sockets/load-winsock.ts");
  return createUnixSockets(await loadWinsock());
}
