import { INET_ADDRESS_BYTES, loopbackAddress } from "./addresses.ts";
import { type NativeSockets, type SocketHandle, socketError } from "./native-sockets.ts";

/** Ends a wait of `poll` from the thread that waits for its answer. */
export interface Waker {
  /** Readable after `wake`, until `clear`. */
  readonly handle: SocketHandle;
  readonly wake: () => void;
  readonly clear: () => void;
  readonly close: () => void;
}

/** A socket that is connected to itself: Windows has no socket pairs, and its pipes can't be polled. */
export function createWaker(native: NativeSockets): Waker {
  const handle = native.openDatagram();
  const address = loopbackAddress();
  const isConnected =
    handle !== -1 &&
    native.bind(handle, address, INET_ADDRESS_BYTES) !== -1 &&
    native.addressOf(handle, address, new Int32Array([INET_ADDRESS_BYTES])) !== -1 &&
    native.connect(handle, address, INET_ADDRESS_BYTES) !== -1;
  if (!isConnected) {
    const error = socketError(native, "a socket to itself");
    if (handle !== -1) native.close(handle);
    throw error;
  }
  const byte = Buffer.alloc(1);
  return {
    handle,
    wake: () => {
      native.send(handle, byte, byte.length);
    },
    clear: () => {
      while (native.receive(handle, byte, byte.length) > 0);
    },
    close: () => {
      native.close(handle);
    },
  };
}
