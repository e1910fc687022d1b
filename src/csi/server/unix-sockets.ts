import type { Duplex } from "node:stream";
import type { Result } from "../../core/failure/result.ts";

/** Unix sockets for a platform on which Node has none: Windows. */
export interface UnixSockets {
  /** Listens at a path until it is closed. Fails with `HostNotReady`, also where another process listens. */
  readonly listen: (
    path: string,
    onConnection: (connection: Duplex) => void,
  ) => Promise<Result<{ readonly close: () => Promise<void> }>>;
  /** A connection to a path. Fails with `HostNotReady`. */
  readonly connect: (path: string) => Result<Duplex>;
}
