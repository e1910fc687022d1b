import { once } from "node:events";
import { connect, type Socket } from "node:net";

/** A connection to PostgreSQL, in its protocol 3.0, as a user that the server trusts. */
export interface PostgresConnection extends Disposable {
  /** Runs one command, and returns its rows as texts. Throws if it fails, or with a lost connection. */
  query(sql: string): Promise<readonly (readonly (string | null)[])[]>;
}

const PORT = 5432;
const PROTOCOL = 0x0003_0000;
/** A type, and a length that counts itself. */
const HEADER_BYTES = 5;
const LENGTH_BYTES = 4;

/** Connects as `postgres`. `signal` cuts the connection, also under a query. */
export async function connectPostgres(host: string, signal: AbortSignal): Promise<PostgresConnection> {
  const socket = connect({ host, port: PORT, signal, noDelay: true });
  await once(socket, "connect");
  const messages = messagesOf(socket);
  try {
    socket.write(startup());
    await untilReady(messages);
  } catch (error) {
    socket.destroy();
    throw error;
  }
  return {
    query(sql) {
      const text = Buffer.from(`${sql}\0`);
      const header = Buffer.alloc(HEADER_BYTES);
      header.write("Q");
      header.writeInt32BE(text.length + LENGTH_BYTES, 1);
      socket.write(Buffer.concat([header, text]));
      return untilReady(messages);
    },
    [Symbol.dispose]: () => void socket.destroy(),
  };
}

function startup(): Buffer {
  const parameters = Buffer.from("user\0postgres\0database\0postgres\0\0");
  const header = Buffer.alloc(2 * LENGTH_BYTES);
  header.writeInt32BE(header.length + parameters.length);
  header.writeInt32BE(PROTOCOL, LENGTH_BYTES);
  return Buffer.concat([header, parameters]);
}

interface Message {
  readonly type: string;
  readonly body: Buffer;
}

async function* messagesOf(socket: Socket): AsyncGenerator<Message, undefined> {
  let received = Buffer.alloc(0);
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    received = Buffer.concat([received, chunk]);
    while (received.length >= HEADER_BYTES) {
      const end = received.readInt32BE(1) + 1;
      if (received.length < end) break;
      yield { type: received.toString("latin1", 0, 1), body: received.subarray(HEADER_BYTES, end) };
      received = received.subarray(end);
    }
  }
  return undefined;
}

/** The rows until the server is ready for the next command. */
async function untilReady(messages: AsyncGenerator<Message, undefined>) {
  const rows: (readonly (string | null)[])[] = [];
  let failure: string | undefined;
  for (;;) {
    const { value: message } = await messages.next();
    if (message === undefined) throw new Error(failure ?? "the server has closed the connection");
    if (message.type === "D") rows.push(rowOf(message.body));
    if (message.type === "E") failure = message.body.toString().replaceAll("\0", " ");
    if (message.type !== "Z") continue;
    if (failure !== undefined) throw new Error(failure);
    return rows;
  }
}

function rowOf(body: Buffer): readonly (string | null)[] {
  let offset = 2;
  return Array.from({ length: body.readInt16BE(0) }, () => {
    const size = body.readInt32BE(offset);
    offset += LENGTH_BYTES;
    if (size < 0) return null;
    offset += size;
    return body.toString("utf8", offset - size, offset);
  });
}
