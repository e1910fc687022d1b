import type { Duplex } from "node:stream";
import type { FailureOf } from "../../core/failure/failure.ts";
import { fail, ok, type Result } from "../../core/failure/result.ts";
import type { Clock } from "../../ports/clock.ts";
import { withTimeout } from "../../runtime/with-timeout.ts";

/**
 * How long a server of this process may take for its first answer, in milliseconds: an overloaded
 * machine takes seconds.
 */
const ANSWER_MAX_MS = 30_000;
/** A server sends a few hundred bytes until it has answered. */
const ANSWER_MAX_BYTES = 64 * 1024;
const METHOD = "/csi.v1.Identity/GetPluginInfo";
const FRAME_HEAD_BYTES = 9;
const FRAME = { data: 0, headers: 1, reset: 3, settings: 4 } as const;
const END_STREAM = 0x1;
const END_HEADERS = 0x4;
/**
 * A call as a gRPC client makes it (RFC 9113, 3.4 and 4.1; fields as RFC 7541, 6.2.2): the preface,
 * SETTINGS that set nothing, and one request without a message's bytes. Node's own client would take a
 * megabyte for it.
 */
const CALL = Buffer.concat([
  Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1"),
  frame({ type: FRAME.settings, flags: 0, stream: 0 }, Buffer.alloc(0)),
  frame(
    { type: FRAME.headers, flags: END_HEADERS, stream: 1 },
    // Of the static table: POST, http, then the names 4 (path), 1 (authority) and 31 (content type).
    Buffer.concat([
      Buffer.from([0x83, 0x86]),
      field([0x04], METHOD),
      field([0x01], "localhost"),
      field([0x0f, 0x10], "application/grpc"),
      field([0x00, ...text("te")], "trailers"),
    ]),
  ),
  frame({ type: FRAME.data, flags: END_STREAM, stream: 1 }, Buffer.alloc(5)),
]);

/**
 * Waits until the server behind a connection has answered a call, whatever the answer: then everything that
 * a first call needs is loaded, and the next one is answered at once. Fails with `HostNotReady`, after
 * `limitMs` of `clock` at the latest (default: 30 seconds). Ends the connection.
 */
export function untilAnswering(
  client: Duplex,
  {
    path,
    clock,
    limitMs = ANSWER_MAX_MS,
  }: { readonly path: string; readonly clock: Clock; readonly limitMs?: number },
): Promise<Result<void, FailureOf<"HostNotReady">>> {
  const answer = (signal: AbortSignal) =>
    firstAnswer(client, { path, late: `it answered no call for ${limitMs} ms` }, signal);
  return withTimeout(clock, limitMs, answer);
}

function firstAnswer(
  client: Duplex,
  { path, late }: { readonly path: string; readonly late: string },
  signal: AbortSignal,
): Promise<Result<void, FailureOf<"HostNotReady">>> {
  return new Promise((resolve) => {
    let received: Buffer = Buffer.alloc(0);
    const settle = (answer: Result<void, FailureOf<"HostNotReady">>): void => {
      client.destroy();
      resolve(answer);
    };
    const refuse = (why: string): void =>
      settle(fail({ kind: "HostNotReady", detail: `the server on ${path} does not answer: ${why}` }));
    signal.addEventListener("abort", () => refuse(late), { once: true });
    client.once("error", (error: Error) => refuse(error.message));
    client.once("end", () => refuse("it closed the connection"));
    client.on("data", (bytes: Buffer) => {
      received = Buffer.concat([received, bytes]);
      if (hasAnswered(received)) settle(ok(undefined));
      else if (received.length > ANSWER_MAX_BYTES) refuse("it answers something else");
    });
    client.write(CALL);
  });
}

/** Whether the call has ended: by a frame that ends its stream, or by a refusal. */
function hasAnswered(received: Buffer): boolean {
  for (
    let at = 0;
    at + FRAME_HEAD_BYTES <= received.length;
    at += FRAME_HEAD_BYTES + received.readUIntBE(at, 3)
  ) {
    const [type = 0, flags = 0, stream] = [received[at + 3], received[at + 4], received.readUInt32BE(at + 5)];
    if (
      stream === 1 &&
      (type === FRAME.reset ||
        ((type === FRAME.headers || type === FRAME.data) && (flags & END_STREAM) !== 0))
    )
      return true;
  }
  return false;
}

function frame(
  { type, flags, stream }: { readonly type: number; readonly flags: number; readonly stream: number },
  payload: Buffer,
): Buffer {
  const head = Buffer.alloc(FRAME_HEAD_BYTES);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** A header field that enters no table. */
function field(name: readonly number[], value: string): Buffer {
  return Buffer.from([...name, ...text(value)]);
}

/** A short text, preceded by its length. */
function text(value: string): readonly number[] {
  return [value.length, ...Buffer.from(value, "latin1")];
}
