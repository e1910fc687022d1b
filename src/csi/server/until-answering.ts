import { connect } from "node:http2";
import type { Duplex } from "node:stream";
import type { FailureOf } from "../../core/failure/failure.ts";
import { hostNotReady } from "../../core/failure/frequent-failures.ts";
import { ok, type Result } from "../../core/failure/result.ts";
import type { Clock } from "../../ports/clock.ts";
import { withTimeout } from "../../runtime/with-timeout.ts";

/**
 * How long a server of this process may take for its first answer, in milliseconds: an overloaded
 * machine takes seconds.
 */
const ANSWER_MAX_MS = 30_000;
const METHOD = "/csi.v1.Identity/GetPluginInfo";
/** A message of gRPC without a byte: not compressed, and its length. */
const EMPTY_MESSAGE = Buffer.alloc(5);

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
  connection: Duplex,
  { path, late }: { readonly path: string; readonly late: string },
  signal: AbortSignal,
): Promise<Result<void, FailureOf<"HostNotReady">>> {
  return new Promise((resolve) => {
    const client = connect("http://localhost", { createConnection: () => connection });
    const settle = (answer: Result<void, FailureOf<"HostNotReady">>): void => {
      resolve(answer);
      client.destroy();
    };
    const refuse = (why: string): void =>
      settle(hostNotReady(`the server on ${path} does not answer: ${why}`));
    signal.addEventListener("abort", () => refuse(late), { once: true });
    // The error of the connection says more than those that the client makes of it.
    connection.prependOnceListener("error", (error: Error) => refuse(error.message));
    client.once("error", (error: Error) => refuse(error.message));
    client.once("close", () => refuse("it closed the connection"));
    const call = client.request({
      ":method": "POST",
      ":path": METHOD,
      "content-type": "application/grpc",
      te: "trailers",
    });
    let hasResponse = false;
    call.once("response", () => (hasResponse = true));
    // It ends, too, where the server closes the connection.
    call.once("end", () => (hasResponse ? settle(ok(undefined)) : refuse("it closed the connection")));
    // A call that the server resets is answered; any other error is one of the connection.
    call.once("error", (error: NodeJS.ErrnoException) =>
      error.code === "ERR_HTTP2_STREAM_ERROR" ? settle(ok(undefined)) : refuse(error.message),
    );
    call.resume();
    call.end(EMPTY_MESSAGE);
  });
}
