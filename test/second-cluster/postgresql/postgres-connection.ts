import { once } from "node:events";
import { connect, type Socket } from "node:net";
import postgres from "postgres";

const PORT = 5432;
const CONNECT_MAX_MS = 30_000;

/** A connection to PostgreSQL, as a user that the server trusts. */
export interface PostgresConnection extends AsyncDisposable {
  /** Runs one command, and returns its rows as texts. Throws if it fails, or with a lost connection. */
  query(sql: string): Promise<readonly (readonly (string | null)[])[]>;
}

/**
 * Connects as `postgres` with the first query. `signal` cuts the connection, also under a query: the kernel
 * of a frozen node acknowledges what its processes never answer.
 */
export function connectPostgres(host: string, signal: AbortSignal): PostgresConnection {
  const sockets: Socket[] = [];
  // In the library's README, and not in its types.
  const own = {
    socket: async (): Promise<Socket> => {
      const socket = connect(PORT, host);
      sockets.push(socket);
      // The query reports it. Without a listener, one that comes after the wait below would end this process.
      socket.on("error", () => {});
      await once(socket, "connect", {
        signal: AbortSignal.any([signal, AbortSignal.timeout(CONNECT_MAX_MS)]),
      });
      return socket;
    },
  };
  const sql = postgres({ host, username: "postgres", max: 1, fetch_types: false, ...own });
  const cut = async (): Promise<void> => {
    await sql.end({ timeout: 0 });
    // The library only says goodbye. A node without power never answers that, and the socket would stay.
    for (const socket of sockets) socket.destroy();
  };
  signal.addEventListener("abort", () => void cut(), { once: true });
  return {
    query: async (text) => Array.from(await sql.unsafe<Record<string, string | null>[]>(text).values()),
    [Symbol.asyncDispose]: cut,
  };
}
