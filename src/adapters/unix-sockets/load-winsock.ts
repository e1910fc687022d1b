import type { NativeSockets } from "./native-sockets.ts";

/** https://learn.microsoft.com/windows/win32/winsock/windows-sockets-error-codes-2 */
const ERRORS: ReadonlyMap<number, string> = new Map([
  [10013, "WSAEACCES"],
  [10022, "WSAEINVAL"],
  [10024, "WSAEMFILE"],
  [10035, "WSAEWOULDBLOCK"],
  [10038, "WSAENOTSOCK"],
  [10047, "WSAEAFNOSUPPORT"],
  [10048, "WSAEADDRINUSE"],
  [10053, "WSAECONNABORTED"],
  [10054, "WSAECONNRESET"],
  [10055, "WSAENOBUFS"],
  [10058, "WSAESHUTDOWN"],
  [10061, "WSAECONNREFUSED"],
]);
const WOULD_BLOCK = 10035;

const AF_UNIX = 1;
const AF_INET = 2;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SD_SEND = 1;
/** The version of Winsock that is asked for, 2.2, and the size of what WSAStartup fills in, with room. */
const VERSION = 0x0202;
const STARTUP_BYTES = 512;
/** Overlapped, as `socket` makes them, and not inherited: the PowerShell workers would keep it open. */
const SOCKET_FLAGS = 0x01 | 0x80;
const HANDLE_FLAG_INHERIT = 1;
/** `FIONBIO`, as the signed number that `ioctlsocket` takes. */
const NON_BLOCKING = 0x8004667e - 2 ** 32;

/**
 * Winsock: Windows has Unix sockets, and Node has no functions for them there. Never run on Windows yet:
 * docs/windows.md says what was. The suite of the C library's sockets runs everything but this file.
 */
export async function loadWinsock(): Promise<NativeSockets> {
  const koffi = await import("koffi");
  const winsock = koffi.load("ws2_32.dll");
  const kernel = koffi.load("kernel32.dll");
  const startUp = winsock.func("int __stdcall WSAStartup(uint16_t version, void *data)");
  const open = winsock.func(
    "intptr_t __stdcall WSASocketW(int family, int type, int protocol, void *, uint32_t, uint32_t flags)",
  );
  const bind = winsock.func("int __stdcall bind(intptr_t socket, void *address, int addressBytes)");
  const listen = winsock.func("int __stdcall listen(intptr_t socket, int backlog)");
  const accept = winsock.func(
    "intptr_t __stdcall accept(intptr_t socket, void *address, void *addressBytes)",
  );
  const connect = winsock.func("int __stdcall connect(intptr_t socket, void *address, int addressBytes)");
  const receive = winsock.func("int __stdcall recv(intptr_t socket, void *into, int maxBytes, int flags)");
  const send = winsock.func("int __stdcall send(intptr_t socket, void *bytes, int byteCount, int flags)");
  const shutdown = winsock.func("int __stdcall shutdown(intptr_t socket, int how)");
  const close = winsock.func("int __stdcall closesocket(intptr_t socket)");
  const control = winsock.func("int __stdcall ioctlsocket(intptr_t socket, int32_t command, void *argument)");
  const getName = winsock.func(
    "int __stdcall getsockname(intptr_t socket, void *address, void *addressBytes)",
  );
  const poll = winsock.func("int __stdcall WSAPoll(void *entries, uint32_t entryCount, int timeoutMs)");
  const lastError = winsock.func("int __stdcall WSAGetLastError()");
  const setHandle = kernel.func(
    "int __stdcall SetHandleInformation(intptr_t handle, uint32_t mask, uint32_t flags)",
  );

  const started: number = startUp(VERSION, Buffer.alloc(STARTUP_BYTES));
  if (started !== 0) throw new Error(`Winsock can't be used: WSAStartup answered ${started}`);
  const unblocked = (socket: number): number => {
    if (socket !== -1) control(socket, NON_BLOCKING, new Uint32Array([1]));
    return socket;
  };
  return {
    // A connect to a Unix socket is answered at once, and one that does not block would need another look.
    openStream: () => open(AF_UNIX, SOCK_STREAM, 0, null, 0, SOCKET_FLAGS),
    openDatagram: () => unblocked(open(AF_INET, SOCK_DGRAM, 0, null, 0, SOCKET_FLAGS)),
    bind: (socket, address, addressBytes) => bind(socket, address, addressBytes),
    listen: (socket, backlog) => listen(unblocked(socket), backlog),
    accept: (socket) => {
      const accepted: number = accept(socket, null, null);
      if (accepted !== -1) setHandle(accepted, HANDLE_FLAG_INHERIT, 0);
      return unblocked(accepted);
    },
    connect: (socket, address, addressBytes) => {
      const connected: number = connect(socket, address, addressBytes);
      if (connected !== -1) unblocked(socket);
      return connected;
    },
    receive: (socket, into, maxBytes) => receive(socket, into, maxBytes, 0),
    send: (socket, bytes, byteCount) => send(socket, bytes, byteCount, 0),
    shutdownWrites: (socket) => shutdown(socket, SD_SEND),
    close: (socket) => close(socket),
    addressOf: (socket, address, addressBytes) => getName(socket, address, addressBytes),
    poll: (entries, entryCount, timeoutMs, answered) => {
      poll.async(entries, entryCount, timeoutMs, (error: unknown, result: number) =>
        answered(error === null ? result : -1),
      );
    },
    lastError: () => lastError(),
    nameOf: (error) => ERRORS.get(error) ?? `Winsock error ${error}`,
    temporaryErrors: new Set([WOULD_BLOCK]),
    // WSAPOLLFD; POLLRDNORM and POLLWRNORM.
    pollEntry: { handleBytes: 8, entryBytes: 16, readable: 0x0100, writable: 0x0010 },
  };
}
