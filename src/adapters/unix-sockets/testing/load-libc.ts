import { getSystemErrorName } from "node:util";
import koffi from "koffi";
import type { NativeSockets } from "../native-sockets.ts";

const AF_UNIX = 1;
const AF_INET = 2;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const MSG_NOSIGNAL = 0x4000;
const SHUT_WR = 1;
const EINTR = 4;
const EAGAIN = 11;
/** The bits that only the owner's rights leave out. */
const OWNER_ONLY = 0o177;

/** Linux' C library: the code that Windows needs runs on it in tests. */
export function loadLibc(): NativeSockets {
  const libc = koffi.load(null);
  const open = libc.func("int socket(int family, int type, int protocol)");
  const bind = libc.func("int bind(int socket, void *address, uint32_t addressBytes)");
  const listen = libc.func("int listen(int socket, int backlog)");
  const accept = libc.func("int accept4(int socket, void *address, void *addressBytes, int flags)");
  const connect = libc.func("int connect(int socket, void *address, uint32_t addressBytes)");
  const receive = libc.func("intptr_t recv(int socket, void *into, size_t maxBytes, int flags)");
  const send = libc.func("intptr_t send(int socket, void *bytes, size_t byteCount, int flags)");
  const shutdown = libc.func("int shutdown(int socket, int how)");
  const close = libc.func("int close(int socket)");
  const getName = libc.func("int getsockname(int socket, void *address, void *addressBytes)");
  const poll = libc.func("int poll(void *entries, unsigned long entryCount, int timeoutMs)");
  const flags = SOCK_NONBLOCK | SOCK_CLOEXEC;
  return {
    openStream: () => open(AF_UNIX, SOCK_STREAM | flags, 0),
    openDatagram: () => open(AF_INET, SOCK_DGRAM | flags, 0),
    bind: (socket, address, addressBytes) => {
      const mask = process.umask(OWNER_ONLY);
      try {
        return bind(socket, address, addressBytes);
      } finally {
        process.umask(mask);
      }
    },
    listen: (socket, backlog) => listen(socket, backlog),
    accept: (socket) => accept(socket, null, null, flags),
    connect: (socket, address, addressBytes) => connect(socket, address, addressBytes),
    receive: (socket, into, maxBytes) => Number(receive(socket, into, maxBytes, 0)),
    send: (socket, bytes, byteCount) => Number(send(socket, bytes, byteCount, MSG_NOSIGNAL)),
    shutdownWrites: (socket) => shutdown(socket, SHUT_WR),
    close: (socket) => close(socket),
    addressOf: (socket, address, addressBytes) => getName(socket, address, addressBytes),
    poll: (entries, entryCount, timeoutMs, answered) => {
      poll.async(entries, entryCount, timeoutMs, (error: unknown, result: number) =>
        answered(error === null ? result : -1),
      );
    },
    lastError: () => koffi.errno(),
    nameOf: (error) => getSystemErrorName(-error),
    temporaryErrors: new Set([EAGAIN, EINTR]),
    pollEntry: { handleBytes: 4, entryBytes: 8, readable: 0x1, writable: 0x4 },
  };
}
