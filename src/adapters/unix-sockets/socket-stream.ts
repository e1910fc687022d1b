import { Duplex } from "node:stream";
import type { Poller } from "./create-poller.ts";
import { type NativeSockets, type SocketHandle, socketError } from "./native-sockets.ts";

/** How much one call reads, in bytes. */
const READ_BYTES = 64 * 1024;
/** How often one connection is read in a row before the others have their turn. */
const READS_MAX = 8;

/** One buffer for all reads: each is copied out before the next. */
const shared = Buffer.alloc(READ_BYTES);

interface Write {
  readonly bytes: Buffer;
  readonly done: (error?: Error | null) => void;
}

/** A connection as a stream, which owns its socket. Either side may end while the other continues. */
export function socketStream(native: NativeSockets, poller: Poller, socket: SocketHandle): Duplex {
  let isReading = false;
  let writing: Write | undefined;

  const update = (): void => watch.setInterest({ read: isReading, write: writing !== undefined });
  const isTemporary = (): boolean => native.temporaryErrors.has(native.lastError());
  const read = (): void => {
    // A reader of the bytes may destroy the stream, which closes the socket.
    for (let reads = 0; isReading && !stream.destroyed && reads < READS_MAX; reads += 1) {
      const count = native.receive(socket, shared, shared.length);
      if (count === -1) {
        if (!isTemporary()) stream.destroy(socketError(native, "read"));
        return;
      }
      isReading = stream.push(count === 0 ? null : Buffer.from(shared.subarray(0, count)));
    }
  };
  const write = (): void => {
    if (writing === undefined) return;
    const { bytes, done } = writing;
    const count = bytes.length === 0 ? 0 : native.send(socket, bytes, bytes.length);
    if (count === -1 && isTemporary()) return;
    writing = count !== -1 && count < bytes.length ? { bytes: bytes.subarray(count), done } : undefined;
    if (count === -1) done(socketError(native, "write"));
    else if (writing === undefined) done();
  };
  const begin = (next: Write): void => {
    writing = next;
    write();
    update();
  };
  const watch = poller.watch(socket, (ready) => {
    if (ready.read) read();
    if (ready.write && !stream.destroyed) write();
    if (!stream.destroyed) update();
  });
  const stream = new Duplex({
    read: () => {
      isReading = true;
      update();
    },
    write: (bytes: Buffer, _encoding, done) => begin({ bytes, done }),
    writev: (chunks, done) =>
      begin({ bytes: Buffer.concat(chunks.map(({ chunk }: { readonly chunk: Buffer }) => chunk)), done }),
    final: (done) => done(native.shutdownWrites(socket) === -1 ? socketError(native, "end") : null),
    destroy: (error, done) => {
      const unwritten = writing;
      writing = undefined;
      watch.end(() => {
        native.close(socket);
        unwritten?.done(new Error("the connection was closed"));
        done(error);
      });
    },
  });
  return stream;
}
