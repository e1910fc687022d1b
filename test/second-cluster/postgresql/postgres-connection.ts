import postgres from "postgres";

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
  const sql = postgres({ host, username: "postgres", max: 1, fetch_types: false });
  const cut = (): Promise<void> => sql.end({ timeout: 0 });
  signal.addEventListener("abort", () => void cut(), { once: true });
  return {
    query: async (text) => Array.from(await sql.unsafe<Record<string, string | null>[]>(text).values()),
    [Symbol.asyncDispose]: cut,
  };
}
