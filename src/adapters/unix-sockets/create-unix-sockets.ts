import { open, unlink } from "node:fs/promises";
import type { Duplex } from "node:stream";
import type { FailureOf } from "../../core/failure/failure.ts";
import { hostNotReady } from "../../core/failure/frequent-failures.ts";
import { ok, type Result } from "../../core/failure/result.ts";
import { errorCode } from "../../core/primitives/error-code.ts";
import { unixAddress } from "./addresses.ts";
import { createPoller } from "./create-poller.ts";
import { type NativeSockets, type SocketHandle, socketError } from "./native-sockets.ts";
import { socketStream } from "./socket-stream.ts";

/** Connections that wait until they are accepted. */
const BACKLOG = 128;
/** Most connections at a time; further ones wait. Kubelet and sidecars have fewer than ten. */
const CONNECTIONS_MAX = 512;
/** The pause after a connection could not be accepted, in milliseconds. */
const ACCEPT_RETRY_MS = 1_000;

export interface UnixListener {
  /**
   * Takes no more connections, and removes the socket's file unless another process has made it again. Once
   * for all calls; never rejects.
   */
  readonly close: () => Promise<void>;
}

/** Unix sockets by the functions of the operating system, for a platform on which Node has none. */
export interface UnixSockets {
  /**
   * Listens at a path; a file that a killed process left there is replaced. Fails with `HostNotReady`, also
   * where another process listens.
   */
  readonly listen: (
    path: string,
    onConnection: (connection: Duplex) => void,
  ) => Promise<Result<UnixListener, FailureOf<"HostNotReady">>>;
  /** A connection to a path. Fails with `HostNotReady`. */
  readonly connect: (path: string) => Result<Duplex, FailureOf<"HostNotReady">>;
}

/** Unix sockets on the functions of one system. */
export function createUnixSockets(native: NativeSockets): UnixSockets {
  const poller = createPoller(native);

  const opened = (
    path: string,
    act: (socket: SocketHandle, address: Uint8Array) => boolean,
  ): SocketHandle => {
    const address = unixAddress(path);
    const socket = native.openStream();
    if (socket !== -1 && act(socket, address)) return socket;
    const error = socketError(native, path);
    if (socket !== -1) native.close(socket);
    throw error;
  };
  const connected = (path: string): SocketHandle =>
    opened(path, (socket, address) => native.connect(socket, address, address.length) !== -1);
  const closedOnError = <T>(socket: SocketHandle, use: () => T): T => {
    try {
      return use();
    } catch (error) {
      native.close(socket);
      throw error;
    }
  };
  const isListenedOn = (path: string): boolean => {
    try {
      native.close(connected(path));
      return true;
    } catch (error) {
      // A listener that has no room for more connections.
      return [...native.temporaryErrors].some((each) => native.nameOf(each) === errorCode(error));
    }
  };
  const removeUnused = async (path: string): Promise<Result<void, FailureOf<"HostNotReady">>> => {
    if (isListenedOn(path))
      return hostNotReady(`another process listens on ${path}; end it or choose another endpoint`);
    if (await isOtherFile(path))
      return hostNotReady(`${path} exists and is no socket; remove it or choose another endpoint`);
    await unlink(path).catch(unlessMissing);
    return ok(undefined);
  };

  const accept = (listener: SocketHandle, onConnection: (connection: Duplex) => void) => {
    let connections = 0;
    let retry: NodeJS.Timeout | undefined;
    const watch = poller.watch(listener, () => {
      while (connections < CONNECTIONS_MAX) {
        const socket = native.accept(listener);
        if (socket === -1) {
          if (native.temporaryErrors.has(native.lastError())) return;
          break;
        }
        connections += 1;
        const connection = socketStream(native, poller, socket);
        connection.once("close", () => {
          connections -= 1;
          resume();
        });
        onConnection(connection);
      }
      pause();
    });
    const resume = (): void => watch.setInterest({ read: true, write: false });
    const pause = (): void => {
      watch.setInterest({ read: false, write: false });
      if (connections < CONNECTIONS_MAX) retry = setTimeout(resume, ACCEPT_RETRY_MS);
    };
    resume();
    return {
      end: () => {
        clearTimeout(retry);
        return new Promise<void>((resolve) => watch.end(resolve));
      },
    };
  };

  return {
    listen: async (path, onConnection) => {
      try {
        const free = await removeUnused(path);
        if (!free.ok) return free;
        const listener = opened(
          path,
          (socket, address) =>
            native.bind(socket, address, address.length) !== -1 && native.listen(socket, BACKLOG) !== -1,
        );
        const accepting = closedOnError(listener, () => accept(listener, onConnection));
        const close = async (): Promise<void> => {
          await accepting.end();
          native.close(listener);
          // A file that stays is replaced by the next instance; nothing that ends here waits for it.
          await removeUnused(path).catch(() => {});
        };
        let closed: Promise<void> | undefined;
        return ok({ close: () => (closed ??= close()) });
      } catch (error) {
        return hostNotReady(`can't listen on ${path}: ${String(error)}`);
      }
    },
    connect: (path) => {
      try {
        const socket = connected(path);
        return ok(closedOnError(socket, () => socketStream(native, poller, socket)));
      } catch (error) {
        return hostNotReady(`can't connect to ${path}: ${String(error)}`);
      }
    },
  };
}

/** Whether anything but a socket is at a path: a socket can't be opened as a file. */
async function isOtherFile(path: string): Promise<boolean> {
  try {
    const file = await open(path, "r");
    await file.close();
    return true;
  } catch (error) {
    return errorCode(error) === "EISDIR";
  }
}

function unlessMissing(error: unknown): void {
  if (errorCode(error) !== "ENOENT") throw error;
}
