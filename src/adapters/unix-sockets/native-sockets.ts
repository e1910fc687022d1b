/** A file descriptor, or Windows' SOCKET. */
export type SocketHandle = number;

/**
 * The socket functions of an operating system, as its C library has them: each answers -1 for an error,
 * whose number `lastError` then returns. Sockets don't block, and no child process inherits them.
 */
export interface NativeSockets {
  readonly openStream: () => SocketHandle;
  readonly openDatagram: () => SocketHandle;
  readonly bind: (socket: SocketHandle, address: Uint8Array, addressBytes: number) => number;
  readonly listen: (socket: SocketHandle, backlog: number) => number;
  readonly accept: (socket: SocketHandle) => SocketHandle;
  readonly connect: (socket: SocketHandle, address: Uint8Array, addressBytes: number) => number;
  readonly receive: (socket: SocketHandle, into: Uint8Array, maxBytes: number) => number;
  readonly send: (socket: SocketHandle, bytes: Uint8Array, byteCount: number) => number;
  readonly shutdownWrites: (socket: SocketHandle) => number;
  readonly close: (socket: SocketHandle) => number;
  /** Fills `address` in; `addressBytes` is one 32-bit integer. */
  readonly addressOf: (socket: SocketHandle, address: Uint8Array, addressBytes: Int32Array) => number;
  /** Waits, on another thread, for one of the sockets that `entries` lists; `answered` has its answer. */
  readonly poll: (
    entries: Uint8Array,
    entryCount: number,
    timeoutMs: number,
    answered: (result: number) => void,
  ) => void;
  readonly lastError: () => number;
  readonly nameOf: (error: number) => string;
  /** The errors after which the same call is made again later. */
  readonly temporaryErrors: ReadonlySet<number>;
  readonly pollEntry: PollEntry;
}

/** How an entry of `poll` lies in memory, and the bits of its events. */
export interface PollEntry {
  readonly handleBytes: 4 | 8;
  readonly entryBytes: 8 | 16;
  readonly readable: number;
  readonly writable: number;
}

/** An error of a socket function, with the name of its number as `code`. */
export function socketError(native: NativeSockets, what: string): Error & { readonly code: string } {
  const code = native.nameOf(native.lastError());
  return Object.assign(new Error(`${what}: ${code}`), { code });
}
